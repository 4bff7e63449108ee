"""pydantic-ai against an endpoint: text, streams, tools, structured output in its three modes."""

from typing import Literal

from checks import BASE_URL, KEY, MODEL, Checks
from pydantic import BaseModel
from pydantic_ai import Agent, ModelSettings, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.exceptions import ModelHTTPError, UnexpectedModelBehavior, UsageLimitExceeded
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ToolOrOutput
from pydantic_ai.usage import UsageLimits

check = Checks("pydantic-ai-slim")
provider = OpenAIProvider(base_url=BASE_URL, api_key=KEY)
model = OpenAIChatModel(MODEL, provider=provider)
SETTINGS = ModelSettings(max_tokens=200, temperature=0.0)


class City(BaseModel):
    """An answer of a fixed shape; every field has few values, so that any model can fill it."""

    name: Literal["Oslo", "Rome"]
    degrees: Literal[1, 2, 3]


@check("text, with usage")
def _() -> None:
    result = Agent(model, model_settings=SETTINGS).run_sync("Say hello.")
    assert result.output
    assert result.usage.output_tokens > 0


@check("streamed text")
async def _() -> None:
    async with Agent(model, model_settings=SETTINGS).run_stream("Say hello.") as result:
        assert [text async for text in result.stream_text(delta=True)]
        assert result.usage.output_tokens > 0


@check("output by a tool")
def _() -> None:
    assert isinstance(Agent(model, output_type=ToolOutput(City), model_settings=SETTINGS).run_sync("Oslo").output, City)


@check("output by json_schema")
def _() -> None:
    agent = Agent(model, output_type=NativeOutput(City), model_settings=SETTINGS)
    assert isinstance(agent.run_sync("Oslo").output, City)


@check("output by prompt (json_object): the request is taken; what it says is the model's")
def _() -> None:
    agent = Agent(model, output_type=PromptedOutput(City), model_settings=SETTINGS, retries=0)
    try:
        agent.run_sync("Oslo")
    except UnexpectedModelBehavior as error:
        assert "validation" in str(error) or "retries" in str(error) or "token limit" in str(error), error


@check("streamed structured output")
async def _() -> None:
    agent = Agent(model, output_type=ToolOutput(City), model_settings=SETTINGS)
    async with agent.run_stream("Oslo") as result:
        assert isinstance(await result.get_output(), City)


@check("a round with a tool and its answer")
def _() -> None:
    seen: list[str] = []

    def weather(city: Literal["Oslo", "Rome"]) -> str:
        """Weather of a city."""
        seen.append(city)
        return "12 degrees"

    settings = ModelSettings(max_tokens=200, tool_choice=ToolOrOutput(["weather"]))
    agent = Agent(model, tools=[weather], output_type=ToolOutput(City), model_settings=settings, retries=2)
    try:
        agent.run_sync("How is the weather in Oslo?", usage_limits=UsageLimits(request_limit=3))
    except (UnexpectedModelBehavior, UsageLimitExceeded) as error:
        assert seen, error  # it went round with the tool until the limit


@check("the Responses API")
def _() -> None:
    result = Agent(OpenAIResponsesModel(MODEL, provider=provider), model_settings=SETTINGS).run_sync("Say hello.")
    assert result.output


@check("errors")
def _() -> None:
    agent = Agent(OpenAIChatModel("nobody", provider=provider))
    try:
        agent.run_sync("hello")
    except ModelHTTPError as error:
        assert error.status_code == 404
    else:
        raise AssertionError("an unknown model was found")


if __name__ == "__main__":
    check.run()
