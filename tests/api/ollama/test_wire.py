import json
import time

import pytest

from labkit.api.ollama.wire import OllamaWire
from labkit.engine.types import Timings, Usage
from labkit.errors import ForwardError
from labkit.worker.messages import Delta, LogprobEntry, TokenText, ToolCallDelta

END = {"usage": Usage(10, 3, cached_tokens=4), "timings": Timings(0.001, 0.5, 0.25)}


def wire(shape="chat"):
    return OllamaWire("nano:latest", shape, started=time.monotonic(), load_seconds=0.125)


def lines(written):
    assert written.endswith(b"\n") or not written
    return [json.loads(line) for line in written.splitlines()]


def delta(**news):
    return Delta("r", **news)


def last(reason="stop", **news):
    return delta(finish_reason=reason, **END, **news)


def test_text_comes_line_by_line_and_the_figures_at_the_end():
    stream = wire()
    first, second, end = lines(
        stream.encode([delta(content="Hé"), delta(content='"\u2028"')]) + stream.encode([last()])
    )
    assert (first["model"], first["message"], first["done"]) == (
        "nano:latest",
        {"role": "assistant", "content": "Hé"},
        False,
    )
    assert second["message"]["content"] == '"\u2028"'
    assert (end["done"], end["done_reason"], end["message"]["content"]) == (True, "stop", "")
    assert (end["load_duration"], end["prompt_eval_count"], end["eval_count"]) == (125_000_000, 10, 3)
    assert (end["prompt_eval_duration"], end["eval_duration"]) == (500_000_000, 250_000_000)
    assert end["total_duration"] > 0


def test_generate_says_response():
    stream = wire("generate")
    piece, end = lines(stream.encode([delta(content="Hi"), last("length")]))
    assert (piece["response"], end["response"], end["done_reason"]) == ("Hi", "", "length")
    assert "message" not in piece


def test_no_news_is_no_line():
    assert wire().encode([delta()]) == b""


def test_thinking_has_its_own_field_in_both_shapes():
    (chat,) = lines(wire().encode([delta(reasoning="hm", content="so")]))
    assert chat["message"] == {"role": "assistant", "content": "so", "thinking": "hm"}
    (generate,) = lines(wire("generate").encode([delta(reasoning="hm")]))
    assert (generate["response"], generate["thinking"]) == ("", "hm")


def calls(*parts):
    return delta(tool_calls=tuple(ToolCallDelta(*part) for part in parts))


def test_calls_are_whole_objects_written_as_soon_as_they_are_whole():
    stream = wire()
    assert stream.encode([calls((0, "a", "sum", '{"x":'))]) == b""
    assert stream.encode([calls((0, None, None, " 1}"))]) == b""
    (first,) = lines(stream.encode([calls((1, "b", "time", ""))]))
    (only,) = first["message"]["tool_calls"]
    assert only == {"id": "a", "function": {"index": 0, "name": "sum", "arguments": {"x": 1}}}
    second, end = lines(stream.encode([last("tool_calls")]))
    assert second["message"]["tool_calls"][0]["function"] == {"index": 1, "name": "time", "arguments": {}}
    assert (second["done"], end["done"], end["done_reason"]) == (False, True, "stop")


@pytest.mark.parametrize("cut", ['{"x": "hal', "[1]"])
def test_a_call_that_was_cut_is_text(cut):
    stream = wire()
    piece, end = lines(stream.encode([calls((0, "a", "sum", cut)), last("length")]))
    assert piece["message"]["content"] == f"sum({cut}"
    assert "tool_calls" not in piece["message"]
    assert end["done_reason"] == "length"


def test_a_whole_answer():
    deltas = [
        delta(reasoning="hm"), delta(content="a"), delta(content="b"), calls((0, "a", "sum", '{"x":')),
        calls((0, None, None, "1}")), last("tool_calls"),
    ]  # fmt: skip
    whole = wire().whole(deltas)
    message = whole["message"]
    assert (message["content"], message["thinking"]) == ("ab", "hm")
    assert message["tool_calls"][0]["function"]["arguments"] == {"x": 1}
    assert (whole["done"], whole["eval_count"]) == (True, 3)


def test_logprobs():
    entry = LogprobEntry(TokenText(b"a", -0.5), (TokenText(b"a", -0.5), TokenText(b"\xff", -2.0)))
    (piece,) = lines(wire().encode([delta(content="a", logprobs=(entry,))]))
    (written,) = piece["logprobs"]
    assert (written["token"], written["logprob"], written["bytes"]) == ("a", -0.5, [97])
    assert [top["bytes"] for top in written["top_logprobs"]] == [[97], [255]]


def test_an_error_is_one_line():
    (line,) = lines(wire().failure(ForwardError("the forward failed", hint="try again")))
    assert line == {"error": "the forward failed (try again)"}


def test_loading_and_unloading_say_so():
    loaded = wire("generate").empty("load")
    assert (loaded["response"], loaded["done"], loaded["done_reason"]) == ("", True, "load")
    assert wire().empty("unload")["message"] == {"role": "assistant", "content": ""}
