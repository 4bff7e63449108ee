import json

from labkit.api.chat_answers import ChatChunks, completion
from labkit.api.figures import timings_object, usage_object
from labkit.engine.types import Timings, Usage
from labkit.worker.messages import Delta, ToolCallDelta

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
    chunks = ChatChunks("m", "id", include_usage=False)
    assert chunks.encode([Delta("r", num_tokens=1)]) == b""
    (first,) = events(chunks.encode([Delta("r", content="Hel")]))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "Hel"}
    text, finish, done = events(chunks.encode([Delta("r", content="lo", finish_reason="stop", usage=USAGE)]))
    assert text["choices"][0] == {"index": 0, "delta": {"content": "lo"}, "logprobs": None, "finish_reason": None}
    assert finish["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert done == "[DONE]"
    assert "usage" not in finish


def test_usage_comes_in_a_chunk_of_its_own_when_asked_for():
    chunks = ChatChunks("m", "id", include_usage=True)
    (first,) = events(chunks.encode([Delta("r", content="a")]))
    assert first["usage"] is None
    finish, usage, done = events(chunks.encode([LAST]))
    assert (finish["usage"], usage["choices"], done) == (None, [], "[DONE]")
    assert usage["usage"] == usage_object(USAGE)
    assert usage["timings"] == timings_object(USAGE, TIMINGS)


def test_an_answer_without_text_still_has_a_role():
    finish, _ = events(ChatChunks("m", "id", include_usage=False).encode([LAST]))
    assert finish["choices"][0]["delta"] == {"role": "assistant"}


def test_every_chunk_has_the_same_head():
    chunks = ChatChunks("m", "id", include_usage=False)
    raw = chunks.encode([Delta("r", content="a"), Delta("r", content="b")]) + chunks.encode([LAST])
    heads = {(chunk["id"], chunk["model"], chunk["object"], chunk["created"]) for chunk in events(raw)[:-1]}
    assert len(heads) == 1


def test_reasoning_is_written_under_both_names():
    (chunk,) = events(ChatChunks("m", "id", include_usage=False).encode([Delta("r", reasoning="hm")]))
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
