"""litellm against an endpoint, as provider `openai`, `hosted_vllm` and `text-completion-openai`."""

import json

import litellm
from checks import BASE_URL, KEY, MODEL, SCHEMA, WEATHER, Checks, raises

check = Checks("litellm")
litellm.suppress_debug_info = True
litellm.telemetry = False
HELLO = [{"role": "user", "content": "Say hello."}]
NAMED = {"type": "function", "function": {"name": "weather"}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": SCHEMA}}
OURS = {"api_base": BASE_URL, "api_key": KEY, "max_retries": 0}


def chat(provider: str = "openai", **fields):
    """One chat completion by way of a provider's code."""
    return litellm.completion(**{"model": f"{provider}/{MODEL}", "messages": HELLO, "max_tokens": 16, **OURS} | fields)


@check("chat as openai and as hosted_vllm")
def _() -> None:
    for provider in ("openai", "hosted_vllm"):
        answer = chat(provider)
        assert answer.choices[0].message.content is not None
        assert answer.usage.total_tokens > 0


@check("stream with usage, and the chunk builder")
def _() -> None:
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    whole = litellm.stream_chunk_builder(chunks, messages=HELLO)
    assert whole.choices[0].message.content
    assert whole.usage.completion_tokens > 0


@check("tools: named, whole and streamed")
def _() -> None:
    fields = {"tools": [WEATHER], "tool_choice": NAMED, "max_tokens": 200}
    call = chat(**fields).choices[0].message.tool_calls[0]
    assert set(json.loads(call.function.arguments)) == {"city", "degrees"}
    built = litellm.stream_chunk_builder(list(chat(**fields, stream=True)), messages=HELLO)
    assert set(json.loads(built.choices[0].message.tool_calls[0].function.arguments)) == {"city", "degrees"}


@check("json_schema")
def _() -> None:
    answer = chat(response_format=FORMAT, max_tokens=200)
    assert set(json.loads(answer.choices[0].message.content)) == {"city", "degrees"}


@check("logprobs, n, stop, seed")
def _() -> None:
    answer = chat(logprobs=True, top_logprobs=2, n=2, stop=["zzz"], seed=1)
    assert len(answer.choices) == 2
    assert answer.choices[0].logprobs.content


@check("text completion, whole and streamed")
def _() -> None:
    fields = {"model": f"text-completion-openai/{MODEL}", "prompt": "Once", "max_tokens": 4, **OURS}
    assert litellm.text_completion(**fields).choices[0].text is not None
    assert list(litellm.text_completion(**fields, stream=True))


@check("embedding")
def _() -> None:
    answer = litellm.embedding(model=f"openai/{MODEL}", input=["a", "b"], **OURS)
    assert len(answer.data) == 2


@check("async chat and stream")
async def _() -> None:
    fields = {"model": f"openai/{MODEL}", "messages": HELLO, "max_tokens": 4, **OURS}
    assert (await litellm.acompletion(**fields)).choices
    assert [chunk async for chunk in await litellm.acompletion(**fields, stream=True)]


@check("responses")
def _() -> None:
    answer = litellm.responses(model=f"openai/{MODEL}", input="Say hello.", max_output_tokens=16, **OURS)
    assert answer.output


@check("anthropic messages, translated by litellm")
async def _() -> None:
    answer = await litellm.anthropic.messages.acreate(
        model=f"openai/{MODEL}", messages=HELLO, max_tokens=16, api_base=BASE_URL, api_key=KEY
    )
    assert answer["content"]


@check("errors are the right classes")
def _() -> None:
    raises(litellm.NotFoundError, lambda: chat(model="openai/nobody"))
    raises(litellm.BadRequestError, lambda: chat(temperature=9))
    long = [{"role": "user", "content": "word " * 20000}]
    raises(litellm.ContextWindowExceededError, lambda: chat(messages=long))


if __name__ == "__main__":
    check.run()
