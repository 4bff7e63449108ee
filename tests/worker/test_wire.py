import pytest

from labkit import errors
from labkit.engine.types import SamplingOverrides, Timings, Usage
from labkit.worker import messages as m
from labkit.worker.wire import HEADER, WireError, body_length, describe_error, pack, restore_error, unpack

MESSAGES = [
    m.Generate(
        "r1",
        messages=({"role": "user", "content": "grüße 👋"},),
        tools=({"type": "function", "function": {"name": "f"}},),
        response_schema={"type": "object"},
        sampling=SamplingOverrides(temperature=0.5, logit_bias=((3, -1.5),), seed=7),
        stop=("a", "b"),
    ),
    m.Cancel("r1"),
    m.Shutdown(),
    m.LoadFailed(m.ErrorInfo("ModelLoadError", "no", hint="do this")),
    m.Pulse(1, 2, 0.5),
    m.Step(
        (
            m.Delta("r1", content="x", tool_calls=(m.ToolCallDelta(0, "id", "f", "{"),), num_tokens=1),
            m.Delta("r1", finish_reason="stop", usage=Usage(1, 2, 3), timings=Timings(0.1, 0.2, 0.3)),
        )
    ),
    m.Ready("tiny", 1024, 1024, 8, 4, 1000, 1, 2, True, 99),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_comes_back_as_it_was(message):
    frame = pack(message)
    assert body_length(frame[: HEADER.size]) == len(frame) - HEADER.size
    assert unpack(frame[HEADER.size :]) == message


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"kind": "Exec"}', b'{"kind": "Cancel"}', b"\xff\xfe"])
def test_anything_else_is_refused(body):
    with pytest.raises(WireError, match="not a message"):
        unpack(body)


def test_a_huge_frame_is_refused_by_its_header():
    with pytest.raises(WireError, match="limit"):
        body_length(b"\xff\xff\xff\xff")


def test_errors_keep_class_hint_and_numbers():
    error = restore_error(describe_error(errors.QueueFullError("full", retry_after_seconds=7)))
    assert isinstance(error, errors.QueueFullError)
    assert (error.message, error.hint, error.retry_after_seconds) == ("full", "try again in 7 s", 7)


@pytest.mark.parametrize("kind", ["Unheard", "annotations", "__doc__"])
def test_an_unknown_error_kind_is_still_an_error(kind):
    assert type(restore_error(m.ErrorInfo(kind, "text"))) is errors.LabkitError
