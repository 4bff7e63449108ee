import json

import pytest

from labkit.api.responses.answers import ResponsesWire, rename_param
from labkit.engine.types import SamplingParams, Timings, Usage
from labkit.errors import ContextLengthExceededError, ForwardError, InvalidRequestError, QueueFullError
from labkit.worker.messages import Delta, Report, ToolCallDelta

END = {"usage": Usage(3, 1), "timings": Timings(0.0, 0.1, 0.1)}


def events_of(text):
    lines = text.decode().split("\n\n")[:-1]
    events = [json.loads(line.partition("\ndata: ")[2]) for line in lines]
    assert [line.partition("\n")[0] for line in lines] == [f"event: {event['type']}" for event in events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def test_a_stream_that_fails_before_its_first_token_begins_all_the_same():
    events = events_of(ResponsesWire({}, "resp_1").failure(ForwardError("broken")))
    assert [event["type"] for event in events] == [
        "response.created", "response.in_progress", "error", "response.failed",
    ]  # fmt: skip
    assert events[-1]["response"]["error"] == {"code": "server_error", "message": "broken"}


@pytest.mark.parametrize(
    ("error", "code", "param"),
    [
        (QueueFullError("full", retry_after_seconds=1), "rate_limit_exceeded", None),
        (ContextLengthExceededError(5, 4), "invalid_prompt", "input"),
    ],
)
def test_a_failed_response_keeps_what_was_done(error, code, param):
    wire = ResponsesWire({}, "resp_1")
    deltas = [Delta("r", "a"), Delta("r", tool_calls=(ToolCallDelta(0, "call_1", "f"),))]
    *_, told, failed = events_of(wire.encode(deltas) + wire.failure(error))
    assert (failed["response"]["error"]["code"], told["param"], told["error"]["param"]) == (code, param, param)
    (message,) = failed["response"]["output"]
    assert (message["content"][0]["text"], message["status"]) == ("a", "completed")


def test_an_answer_without_anything_is_a_message_without_text():
    last = Delta("r", finish_reason="stop", **END)
    (message,) = ResponsesWire({}, "resp_1").whole([last])["output"]
    assert message["content"][0]["text"] == ""
    *_, done = events_of(ResponsesWire({}, "resp_1").encode([last]))
    assert done["response"]["output"] == [message]


def test_an_answer_cut_before_its_first_word_has_no_items():
    response = ResponsesWire({}, "resp_1").whole([Delta("r", finish_reason="length", **END)])
    assert (response["status"], response["output"]) == ("incomplete", [])


def test_the_sampling_that_was_used_is_told_at_the_end():
    last = Delta("r", "a", finish_reason="stop", report=Report(sampling=SamplingParams(temperature=0.6)), **END)
    wire = ResponsesWire({"temperature": 1.0}, "resp_1")
    created, *_, done = events_of(wire.encode([last]))
    assert (created["response"]["temperature"], done["response"]["temperature"]) == (1.0, 0.6)


def test_a_response_is_kept_once_and_only_when_it_is_complete():
    kept = []
    wire = ResponsesWire({}, "resp_1", kept.append)
    wire.encode([Delta("r", "a")])
    assert kept == []
    wire.encode([Delta("r", "b", finish_reason="stop", **END)])
    assert [response["output"][0]["content"][0]["text"] for response in kept] == ["ab"]


def test_line_separators_stay_inside_their_event():
    events = events_of(ResponsesWire({}, "resp_1").encode([Delta("r", "a"), Delta("r", "\u2028\n\n")]))
    assert events[-1]["delta"] == "\u2028\n\n"


def test_errors_name_fields_as_they_are_called_here():
    error = InvalidRequestError("x", param="response_format")
    rename_param(error)
    assert error.param == "text.format"


def test_a_call_of_a_function_in_a_namespace_names_both():
    names = {"sky__weather": ("sky", "weather")}
    call = Delta("r", tool_calls=(ToolCallDelta(0, "call_1", "sky__weather", "{}"),))
    last = Delta("r", finish_reason="tool_calls", **END)
    *_, done, _ = events_of(ResponsesWire({}, "resp_1", names=names).encode([call, last]))
    (item,) = ResponsesWire({}, "resp_1", names=names).whole([call, last])["output"]
    assert done["item"] == item
    assert (item["namespace"], item["name"], item["call_id"]) == ("sky", "weather", "call_1")
