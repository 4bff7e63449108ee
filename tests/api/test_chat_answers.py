import json

from labkit.api.chat_answers import ChatWire, completion, logprobs_object
from labkit.api.figures import timings_object, usage_object
from labkit.engine.types import Timings, Usage
from labkit.worker.messages import Delta, LogprobEntry, TokenText, ToolCallDelta

USAGE = Usage(prompt_tokens=10, completion_tokens=4, cached_tokens=6)
TIMINGS = Timings(queue_seconds=0.5, prefill_seconds=0.1, decode_seconds=0.2)
LAST = Delta("r", finish_reason="stop", usage=USAGE, timings=TIMINGS)


def events(raw: bytes):
    parts = raw.split(b"\n\n")
    assert parts.pop() == b""
    return [
        part.removeprefix(b"data: ").decode() if part == b"data: [DONE]" else json.loads(part.removeprefix(b"data: "))
        for part in parts
    ]


def test_the_role_comes_with_the_first_text_and_the_finish_apart():
    chunks = ChatWire("m", "id", include_usage=False)
    assert chunks.encode([Delta("r", num_tokens=1)]) == b""
    (first,) = events(chunks.encode([Delta("r", content="Hel")]))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "Hel"}
    text, finish, done = events(chunks.encode([Delta("r", content="lo", finish_reason="stop", usage=USAGE)]))
    assert text["choices"][0] == {"index": 0, "delta": {"content": "lo"}, "logprobs": None, "finish_reason": None}
    assert finish["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert done == "[DONE]"
    assert "usage" not in finish


def test_usage_comes_in_a_chunk_of_its_own_when_asked_for():
    chunks = ChatWire("m", "id", include_usage=True)
    (first,) = events(chunks.encode([Delta("r", content="a")]))
    assert first["usage"] is None
    finish, usage, done = events(chunks.encode([LAST]))
    assert (finish["usage"], usage["choices"], done) == (None, [], "[DONE]")
    assert usage["usage"] == usage_object(USAGE)
    assert usage["timings"] == timings_object(USAGE, TIMINGS)


def test_an_answer_without_text_still_has_a_role():
    finish, _ = events(ChatWire("m", "id", include_usage=False).encode([LAST]))
    assert finish["choices"][0]["delta"] == {"role": "assistant"}


def test_every_chunk_has_the_same_head():
    chunks = ChatWire("m", "id", include_usage=False)
    raw = chunks.encode([Delta("r", content="a"), Delta("r", content="b")]) + chunks.encode([LAST])
    heads = {(chunk["id"], chunk["model"], chunk["object"], chunk["created"]) for chunk in events(raw)[:-1]}
    assert len(heads) == 1


def test_reasoning_is_written_under_both_names():
    (chunk,) = events(ChatWire("m", "id", include_usage=False).encode([Delta("r", reasoning="hm")]))
    assert chunk["choices"][0]["delta"] == {"role": "assistant", "reasoning_content": "hm", "reasoning": "hm"}


def test_a_whole_answer_joins_its_deltas():
    deltas = [
        Delta("r", content="I look. "),
        Delta("r", tool_calls=(ToolCallDelta(0, id="a", name="f"), ToolCallDelta(1, id="b", name="g"))),
        Delta("r", tool_calls=(ToolCallDelta(0, arguments='{"x"'), ToolCallDelta(1, arguments="{}"))),
        Delta("r", tool_calls=(ToolCallDelta(0, arguments=":1}"),)),
        Delta("r", finish_reason="tool_calls", usage=USAGE, timings=TIMINGS),
    ]
    body = completion("m", "id", deltas)
    message = body["choices"][0]["message"]
    assert message["content"] == "I look. "
    assert [call["function"] for call in message["tool_calls"]] == [
        {"name": "f", "arguments": '{"x":1}'}, {"name": "g", "arguments": "{}"},
    ]  # fmt: skip
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert body["usage"]["total_tokens"] == 14


def test_content_is_null_only_beside_tool_calls():
    assert completion("m", "id", [LAST])["choices"][0]["message"]["content"] == ""
    calls = [Delta("r", tool_calls=(ToolCallDelta(0, id="a", name="f"),)), LAST]
    assert completion("m", "id", calls)["choices"][0]["message"]["content"] is None


def test_each_choice_has_a_role_first_and_none_comes_before_a_lower_one():
    chunks = ChatWire("m", "id", include_usage=False)
    news = [Delta("r", content="c", choice=2, num_open=3), Delta("r", content="a", num_open=3)]
    found = [chunk["choices"][0] for chunk in events(chunks.encode(news))]
    assert [(choice["index"], choice["delta"].get("role"), choice["delta"]["content"]) for choice in found] == [
        (0, "assistant", ""), (1, "assistant", ""), (2, "assistant", ""), (2, None, "c"), (0, None, "a"),
    ]  # fmt: skip


def test_only_the_last_choice_ends_the_stream():
    chunks = ChatWire("m", "id", include_usage=False)
    first = chunks.encode([Delta("r", content="a", finish_reason="length", num_open=1)])
    assert b"[DONE]" not in first
    assert events(first)[-1]["choices"][0]["finish_reason"] == "length"
    last = events(chunks.encode([Delta("r", finish_reason="stop", choice=1, usage=USAGE, timings=TIMINGS)]))
    assert (last[-2]["timings"]["cache_n"], last[-1]) == (6, "[DONE]")


def test_a_tier_is_in_every_chunk_and_in_the_whole_answer():
    chunks = ChatWire("m", "id", include_usage=True, service_tier="flex")
    raw = chunks.encode([Delta("r", content="a"), Delta("r", content="b"), LAST])
    assert {chunk["service_tier"] for chunk in events(raw)[:-1]} == {"flex"}
    assert completion("m", "id", [LAST], service_tier="flex")["service_tier"] == "flex"
    assert "service_tier" not in completion("m", "id", [LAST])


def test_text_that_is_written_the_short_way_is_the_same_json():
    text = 'quotes " and \\ back\u2028slashes\n\x00 \x85 é 👋'
    chunks = ChatWire("m", "id", include_usage=True)
    first, short = events(chunks.encode([Delta("r", content="a")]) + chunks.encode([Delta("r", content=text)]))
    long = {**first, "choices": [{**first["choices"][0], "delta": {"content": text}}]}
    assert short == long


def test_logprobs_have_openais_form():
    entry = LogprobEntry(TokenText(b"\xc3", -0.25), (TokenText(b"\xc3", -0.25), TokenText(b"x", -9999.0)))
    assert logprobs_object(()) is None
    assert logprobs_object((entry,)) == {
        "content": [
            {
                "token": "\ufffd", "logprob": -0.25, "bytes": [195],
                "top_logprobs": [
                    {"token": "\ufffd", "logprob": -0.25, "bytes": [195]},
                    {"token": "x", "logprob": -9999.0, "bytes": [120]},
                ],
            }
        ],
        "refusal": None,
    }  # fmt: skip
    chunks = ChatWire("m", "id", include_usage=False)
    chunks.encode([Delta("r", content="a")])
    (chunk,) = events(chunks.encode([Delta("r", content="b", logprobs=(entry,))]))
    assert len(chunk["choices"][0]["logprobs"]["content"]) == 1
