"""instructor against an endpoint, in every mode that goes over chat completions."""

from typing import Literal

import instructor
import openai
from checks import BASE_URL, KEY, MODEL, Checks
from instructor import Mode
from pydantic import BaseModel, ValidationError

check = Checks("instructor")
HELLO = [{"role": "user", "content": "Oslo has one degree. Answer in JSON."}]
FORCED = (Mode.TOOLS, Mode.TOOLS_STRICT, Mode.JSON_SCHEMA)
"""The endpoint holds the answer to the schema; in the others only the prompt asks for it."""


class City(BaseModel):
    """An answer of a fixed shape; every field has few values, so that any model can fill it."""

    name: Literal["Oslo", "Rome"]
    degrees: Literal[1, 2, 3]


def client(mode: Mode) -> instructor.Instructor:
    """A client in one mode."""
    return instructor.from_openai(openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0), mode=mode)


for forced in FORCED:

    @check(f"{forced.value}: a whole answer")
    def _(mode: Mode = forced) -> None:
        city = client(mode).chat.completions.create(
            model=MODEL, messages=HELLO, response_model=City, max_tokens=200, max_retries=0
        )
        assert isinstance(city, City)

    @check(f"{forced.value}: partial answers while they come")
    def _(mode: Mode = forced) -> None:
        parts = client(mode).chat.completions.create_partial(
            model=MODEL, messages=HELLO, response_model=City, max_tokens=200
        )
        assert list(parts)[-1].name in ("Oslo", "Rome")


@check("json_mode: response_format json_object is taken, and gives JSON")
def _() -> None:
    seen: list[str] = []
    asking = client(Mode.JSON)
    asking.on("completion:response", lambda answer: seen.append(answer.choices[0].message.content))
    try:
        asking.chat.completions.create(
            model=MODEL, messages=HELLO, response_model=City, max_tokens=300, max_retries=0, temperature=0
        )
    except Exception:  # noqa: BLE001 - a small model's JSON need not be that city's
        assert seen
    assert seen[0].lstrip().startswith("{")


@check("tools: several answers by create_iterable; they are read, whatever a small model puts into them")
def _() -> None:
    cities = client(Mode.TOOLS).chat.completions.create_iterable(
        model=MODEL, messages=HELLO, response_model=City, max_tokens=200, max_retries=0
    )
    try:
        for city in cities:
            assert isinstance(city, City)
    except ValidationError:
        pass  # it lets the model choose whether to call, so nothing holds the arguments to the schema


@check("create_with_completion: the raw answer beside the parsed one")
def _() -> None:
    city, raw = client(Mode.TOOLS).chat.completions.create_with_completion(
        model=MODEL, messages=HELLO, response_model=City, max_tokens=200, max_retries=0
    )
    assert isinstance(city, City)
    assert raw.usage.completion_tokens > 0


if __name__ == "__main__":
    check.run()
