"""The `openai` Python client against an endpoint: chat, completions, embeddings, models, errors."""

import json
import threading
import time
from typing import Literal

import openai
from checks import BASE_URL, KEY, MODEL, SCHEMA, WEATHER, Checks, raises
from pydantic import BaseModel

check = Checks("openai")
client = openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=60)
HELLO = [{"role": "user", "content": "Say hello."}]
NAMED = {"type": "function", "function": {"name": "weather"}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": SCHEMA}}
LIMIT = 24


class Weather(BaseModel):
    """An answer of a fixed shape; every field has few values, so that any model can fill it."""

    city: Literal["Oslo", "Rome"]
    degrees: Literal[1, 2, 3]


def chat(**fields):
    """One chat completion."""
    return client.chat.completions.create(**{"model": MODEL, "messages": HELLO, "max_tokens": LIMIT} | fields)


@check("chat: a whole answer with usage and timings")
def _() -> None:
    answer = chat()
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details.cached_tokens >= 0
    assert usage.completion_tokens_details.reasoning_tokens == 0
    assert answer.model_extra["timings"]["predicted_n"] == usage.completion_tokens


@check("chat: stream with usage, equal to the whole answer")
def _() -> None:
    whole = chat(temperature=0, seed=1)
    chunks = list(chat(temperature=0, seed=1, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


@check("chat: the stream helper's events and final completion")
def _() -> None:
    with client.chat.completions.stream(model=MODEL, messages=HELLO, max_tokens=LIMIT) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta"} <= kinds
    assert final.choices[0].message.content


@check("chat: n, stop, seed, penalties, logit_bias, max_completion_tokens")
def _() -> None:
    answer = chat(n=3, temperature=1, seed=5, presence_penalty=0.5, frequency_penalty=0.5, logit_bias={"5": -100})
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    whole = chat(temperature=0).choices[0].message.content
    stop = whole[3:6]
    stopped = chat(temperature=0, stop=stop).choices[0]
    assert stopped.finish_reason == "stop"
    assert stop not in stopped.message.content
    short = chat(max_tokens=openai.omit, max_completion_tokens=2, extra_body={"ignore_eos": True})
    assert (short.usage.completion_tokens, short.choices[0].finish_reason) == (2, "length")


@check("chat: the same seed gives the same text")
def _() -> None:
    first, second = (chat(seed=7, temperature=1).choices[0].message.content for _ in range(2))
    assert first == second


@check("chat: logprobs whole and streamed spell the answer")
def _() -> None:
    answer = chat(logprobs=True, top_logprobs=3).choices[0]
    spelled = b"".join(bytes(entry.bytes) for entry in answer.logprobs.content).decode()
    assert spelled == answer.message.content
    assert {len(entry.top_logprobs) for entry in answer.logprobs.content} == {3}
    text, spelled = "", b""
    for chunk in chat(logprobs=True, stream=True):
        text += chunk.choices[0].delta.content or ""
        if chunk.choices[0].logprobs:
            spelled += b"".join(bytes(entry.bytes) for entry in chunk.choices[0].logprobs.content)
    assert spelled.decode() == text


@check("tools: a named one, whole")
def _() -> None:
    answer = chat(tools=[WEATHER], tool_choice=NAMED, max_tokens=200).choices[0]
    assert answer.finish_reason == "tool_calls"
    (call,) = answer.message.tool_calls
    assert call.function.name == "weather"
    assert isinstance(json.loads(call.function.arguments)["degrees"], int)


@check("tools: required, streamed as argument deltas")
def _() -> None:
    chunks = list(chat(tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, max_tokens=200, stream=True))
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert calls[0].id
    assert calls[0].function.name == "weather"
    assert len(calls) > 2, "the arguments came in one piece"
    assert set(json.loads("".join(call.function.arguments or "" for call in calls))) == {"city", "degrees"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@check("tools: the stream helper accumulates the call")
def _() -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=HELLO, tools=[WEATHER], tool_choice=NAMED, max_tokens=200
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.parsed_arguments["city"] is not None


@check("tools: with logprobs, streamed and not")
def _() -> None:
    fields = {"tools": [WEATHER], "tool_choice": NAMED, "max_tokens": 200, "logprobs": True, "top_logprobs": 2}
    assert chat(**fields).choices[0].logprobs.content
    chunks = list(chat(**fields, stream=True))
    assert any(chunk.choices[0].logprobs for chunk in chunks)


@check("tools: allowed_tools, none, auto, and a round with a tool's answer")
def _() -> None:
    news = {"type": "function", "function": {"name": "news", "parameters": SCHEMA}}
    allowed = {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "news"}}]},
    }
    call = chat(tools=[WEATHER, news], tool_choice=allowed, max_tokens=200).choices[0].message.tool_calls[0]
    assert call.function.name == "news"
    assert chat(tools=[WEATHER], tool_choice="none").choices[0].message.tool_calls is None
    turns = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"},
    ]
    assert chat(messages=turns, tools=[WEATHER], tool_choice="auto").choices[0].finish_reason


@check("json: json_schema is obeyed, whole and streamed")
def _() -> None:
    found = json.loads(chat(response_format=FORMAT, max_tokens=200).choices[0].message.content)
    assert set(found) == {"city", "degrees"}
    chunks = chat(response_format=FORMAT, max_tokens=200, stream=True)
    assert set(json.loads("".join(chunk.choices[0].delta.content or "" for chunk in chunks))) == {"city", "degrees"}


@check("json: json_object")
def _() -> None:
    answer = chat(response_format={"type": "json_object"}, max_tokens=300, seed=3, temperature=0).choices[0]
    if answer.finish_reason == "stop":
        assert isinstance(json.loads(answer.message.content), dict)
    else:
        assert answer.message.content.lstrip().startswith("{")


@check("json: .parse() of a pydantic model and of pydantic tools")
def _() -> None:
    answer = client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Weather, max_tokens=200)
    assert isinstance(answer.choices[0].message.parsed, Weather)
    tool = openai.pydantic_function_tool(Weather, name="weather")
    answer = client.chat.completions.parse(model=MODEL, messages=HELLO, tools=[tool], tool_choice=NAMED, max_tokens=200)
    assert isinstance(answer.choices[0].message.tool_calls[0].function.parsed_arguments, Weather)


@check("json: the stream helper parses as it goes")
def _() -> None:
    with client.chat.completions.stream(model=MODEL, messages=HELLO, response_format=Weather, max_tokens=200) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Weather)


@check("vLLM's and llama-server's fields by extra_body")
def _() -> None:
    extra = {"min_tokens": 3, "top_k": 5, "min_p": 0.01, "repetition_penalty": 1.1, "guided_choice": ["yes", "no"]}
    assert chat(extra_body=extra).choices[0].message.content in ("yes", "no")
    extra = {"structured_outputs": {"regex": "[0-9]{3}"}}
    assert len(chat(extra_body=extra).choices[0].message.content) == 3
    extra = {"chat_template_kwargs": {"enable_thinking": False}, "cache_prompt": False}
    assert chat(extra_body=extra, reasoning_effort="none").choices[0].finish_reason
    begun = [*HELLO, {"role": "assistant", "content": "Once upon"}]
    extra = {"continue_final_message": True, "add_generation_prompt": False}
    assert chat(messages=begun, extra_body=extra).choices[0].finish_reason


@check("completions: whole, several prompts, token ids")
def _() -> None:
    answer = client.completions.create(model=MODEL, prompt=["Once", "The"], n=2, max_tokens=4)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.usage.completion_tokens <= 16
    assert client.completions.create(model=MODEL, prompt=[[5, 6, 7], [8]], max_tokens=2).choices[1].text is not None
    default = client.completions.create(model=MODEL, prompt="Once", extra_body={"ignore_eos": True})
    assert default.usage.completion_tokens == 16


@check("completions: stream of several prompts")
def _() -> None:
    fields = {"model": MODEL, "prompt": ["Once", "The"], "max_tokens": 5, "temperature": 0}
    texts = ["", ""]
    chunks = list(client.completions.create(**fields, stream=True, stream_options={"include_usage": True}))
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    whole = client.completions.create(**fields)
    assert texts == [choice.text for choice in whole.choices]
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


@check("completions: echo with logprobs of the prompt")
def _() -> None:
    fields = {"model": MODEL, "prompt": "The cat sat", "echo": True, "logprobs": 2, "temperature": 0}
    read = client.completions.create(**fields, max_tokens=0).choices[0]
    assert read.text == "The cat sat"
    found = read.logprobs
    assert found.token_logprobs[0] is None
    assert all(value <= 0 for value in found.token_logprobs[1:])
    assert len(found.tokens) == len(found.token_logprobs) == len(found.top_logprobs) == len(found.text_offset)
    assert all(token in top for token, top in zip(found.tokens[1:], found.top_logprobs[1:], strict=True))
    written = client.completions.create(**fields, max_tokens=3).choices[0]
    assert written.text.startswith("The cat sat")
    assert written.logprobs.token_logprobs[1 : len(found.tokens)] == found.token_logprobs[1:]


@check("completions: best_of, and suffix refused where the model has no such tokens")
def _() -> None:
    answer = client.completions.create(model=MODEL, prompt="Once", n=1, best_of=3, max_tokens=4, temperature=1)
    assert len(answer.choices) == 1
    error = raises(
        openai.BadRequestError, lambda: client.completions.create(model=MODEL, prompt="a", suffix="b", max_tokens=2)
    )
    assert error.param == "suffix"


@check("embeddings: the client's own base64, floats, four shapes, dimensions")
def _() -> None:
    decoded = client.embeddings.create(model=MODEL, input="hello").data[0].embedding
    floats = client.embeddings.create(model=MODEL, input=["hello", "you"], encoding_format="float")
    assert decoded == floats.data[0].embedding
    assert abs(sum(number * number for number in decoded) - 1) < 1e-3
    assert [item.index for item in floats.data] == [0, 1]
    ids = client.embeddings.create(model=MODEL, input=[[5, 6], [7]])
    assert len(ids.data) == 2
    assert client.embeddings.create(model=MODEL, input=[5, 6]).usage.prompt_tokens == 2
    try:
        short = client.embeddings.create(model=MODEL, input="hello", dimensions=8)
        assert len(short.data[0].embedding) == 8
    except openai.BadRequestError as error:
        assert error.param == "dimensions", error  # not every model may be cut


@check("models: list and retrieve")
def _() -> None:
    assert MODEL in [model.id for model in client.models.list()]
    model = client.models.retrieve(MODEL)
    assert model.model_extra["max_model_len"] > 0
    assert raises(openai.NotFoundError, lambda: client.models.retrieve("nobody")).code == "model_not_found"


@check("errors: the right classes, with param and code")
def _() -> None:
    assert raises(openai.NotFoundError, lambda: chat(model="nobody")).code == "model_not_found"
    assert raises(openai.BadRequestError, lambda: chat(temperature=9)).param == "temperature"
    assert raises(openai.BadRequestError, lambda: chat(messages=[])).param == "messages"
    long = [{"role": "user", "content": "word " * 20000}]
    assert raises(openai.BadRequestError, lambda: chat(messages=long)).code == "context_length_exceeded"
    assert raises(openai.BadRequestError, lambda: list(chat(messages=long, stream=True))).code == (
        "context_length_exceeded"
    )
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]
    assert raises(openai.BadRequestError, lambda: chat(messages=image)).code == "unsupported_content"
    strict = {"x-labkit-strict": "1"}
    assert raises(openai.BadRequestError, lambda: chat(user="me", extra_headers=strict)).param == "user"


@check("raw responses: x-request-id and x-labkit-ignored")
def _() -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=HELLO, max_tokens=2, user="me", extra_body={"mood": "good"}
    )
    assert raw.headers["x-labkit-ignored"] == "mood, user"
    assert raw.request_id
    assert raw.parse()._request_id == raw.request_id


@check("timeouts raise, and retries give the answer in the end")
def _() -> None:
    slow = client.with_options(timeout=0.05)
    raises(
        openai.APITimeoutError,
        lambda: slow.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=4000, extra_body={"ignore_eos": True}
        ),
    )
    assert client.with_options(max_retries=3).chat.completions.create(model=MODEL, messages=HELLO, max_tokens=2)


@check("closing a stream frees its slot")
def _() -> None:
    stream = chat(stream=True, max_tokens=3000, extra_body={"ignore_eos": True})
    next(iter(stream))
    stream.close()
    started = time.monotonic()
    chat(max_tokens=2)
    assert time.monotonic() - started < 5


@check("sixteen threads at once")
def _() -> None:
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda k=k: answers.append(chat(seed=k, max_tokens=8).choices[0].finish_reason))
        for k in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 16


@check("async: chat, stream, tools, completions")
async def _() -> None:
    async with openai.AsyncOpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0) as later:
        ask = later.chat.completions
        assert (await ask.create(model=MODEL, messages=HELLO, max_tokens=4)).choices
        stream = await ask.create(model=MODEL, messages=HELLO, max_tokens=4, stream=True)
        assert [chunk async for chunk in stream]
        parsed = await ask.parse(model=MODEL, messages=HELLO, response_format=Weather, max_tokens=200)
        assert parsed.choices[0].message.parsed
        assert (await later.completions.create(model=MODEL, prompt="a", max_tokens=2)).choices


if __name__ == "__main__":
    check.run()
