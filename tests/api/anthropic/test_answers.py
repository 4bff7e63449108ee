import json

import pytest

from labkit.api.anthropic.answers import MessagesWire
from labkit.engine.types import Timings, Usage
from labkit.errors import ForwardError
from labkit.worker.messages import Delta, Report, ToolCallDelta

END = {"usage": Usage(10, 3, cached_tokens=4), "timings": Timings(0.0, 0.1, 0.1)}


def last(reason="stop", **fields):
    return Delta("r", finish_reason=reason, **END | fields)


def events_of(text):
    lines = text.decode().split("\n\n")[:-1]
    events = [json.loads(line.partition("\ndata: ")[2]) for line in lines]
    assert [line.partition("\n")[0] for line in lines] == [f"event: {event['type']}" for event in events]
    return events


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        (last(), ("end_turn", None)),
        (last("tool_calls"), ("tool_use", None)),
        (last("length"), ("max_tokens", None)),
        (last("length", report=Report(stop_cause="context_full")), ("model_context_window_exceeded", None)),
        (last(report=Report(stop_cause="stop_text", stop_text="END")), ("stop_sequence", "END")),
        (last(report=Report(stop_cause="stop_text", stop_text="</tool_call>")), ("end_turn", None)),
        (last("tool_calls", report=Report(stop_cause="stop_text", stop_text="END")), ("tool_use", None)),
    ],
)
def test_why_it_ended(delta, expected):
    message = MessagesWire("m", "msg_1", stop_sequences=["END"]).whole([delta])
    assert (message["stop_reason"], message["stop_sequence"]) == expected
    *_, told, end = events_of(MessagesWire("m", "msg_1", stop_sequences=["END"]).encode([delta]))
    assert (told["delta"]["stop_reason"], told["delta"]["stop_sequence"]) == expected
    assert end == {"type": "message_stop"}


def test_an_answer_without_anything_has_no_content():
    assert MessagesWire("m", "msg_1").whole([last()])["content"] == []
    names = [event["type"] for event in events_of(MessagesWire("m", "msg_1").encode([last()]))]
    assert names == ["message_start", "message_delta", "message_stop"]


def test_the_first_event_knows_the_prompt_and_the_last_what_was_cached():
    start, *_, told, _ = events_of(MessagesWire("m", "msg_1").encode([Delta("r", "a", prompt_tokens=10), last()]))
    assert (start["message"]["usage"]["input_tokens"], told["usage"]["input_tokens"]) == (10, 6)
    assert told["usage"]["cache_read_input_tokens"] == 4


def test_a_ping_comes_after_the_first_block_has_begun_and_not_again():
    deltas = [Delta("r", "a"), Delta("r", reasoning="b"), last()]
    names = [event["type"] for event in events_of(MessagesWire("m", "msg_1").encode(deltas))]
    assert names[1:3] == ["content_block_start", "ping"]
    assert names.count("ping") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": "b', {"a": "b"}),
        ('{"a": [1, 2', {"a": [1, 2]}),
        ("[1]", {}),
        ("so", {}),
    ],
)
def test_arguments_of_a_call_that_was_cut_are_as_much_as_there_is(text, expected):
    call = Delta("r", tool_calls=(ToolCallDelta(0, "call_1", "f", text),))
    (block,) = MessagesWire("m", "msg_1").whole([call, last("length")])["content"]
    assert (block["id"], block["input"]) == ("toolu_1", expected)


def test_line_separators_stay_inside_their_event():
    events = events_of(MessagesWire("m", "msg_1").encode([Delta("r", "a"), Delta("r", "\u2028\n\n")]))
    assert events[-1]["delta"]["text"] == "\u2028\n\n"


def test_an_error_carries_the_request_s_id():
    (event,) = events_of(MessagesWire("m", "msg_1", request_id="req-1").failure(ForwardError("broken")))
    assert event == {"type": "error", "error": {"type": "api_error", "message": "broken"}, "request_id": "req-1"}
