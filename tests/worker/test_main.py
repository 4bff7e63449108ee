"""The worker as its front sees it: a process, frames in, frames out."""

import subprocess
import sys
from pathlib import Path

import pytest

from fakes.hostile_constraints import REFUSED
from labkit.engine.types import SamplingOverrides
from labkit.resources import embedded_model
from labkit.worker.messages import (
    Cancel,
    Complete,
    DescribeTokenizer,
    Detokenize,
    Generate,
    LoadFailed,
    Pulse,
    Ready,
    Render,
    Shutdown,
    Step,
    Tokenize,
)
from labkit.worker.wire import HEADER, body_length, pack, unpack

GREEDY = SamplingOverrides(temperature=0)
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Front:
    """The other end of a worker's pipes."""

    def __init__(self, model, *options):
        command = [sys.executable, "-m", "labkit.worker", str(model), "--num-threads=1", *options]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def send(self, message):
        self.process.stdin.write(pack(message))
        self.process.stdin.flush()

    def receive(self):
        """The next message that is no pulse; None at the end."""
        while True:
            header = self.process.stdout.read(HEADER.size)
            if not header:
                return None
            message = unpack(self.process.stdout.read(body_length(header)))
            if not isinstance(message, Pulse):
                return message

    def deltas(self, request_id):
        """Every delta of a request up to its last one."""
        found = []
        while not (found and found[-1].is_last):
            step = self.receive()
            assert isinstance(step, Step)
            found += [delta for delta in step.deltas if delta.request_id == request_id]
        return found

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(60)


@pytest.fixture(scope="module")
def front():
    front = Front(embedded_model())
    ready = front.receive()
    assert isinstance(ready, Ready)
    assert (ready.num_slots, ready.num_threads, ready.pid) == (8, 1, front.process.pid)
    assert ready.context_tokens == ready.trained_context_tokens
    yield front
    assert front.close() == 0


def ask(text, **fields):
    return Generate("r", ({"role": "user", "content": text},), sampling=GREEDY, **fields)


def test_an_answer_ends_with_usage_and_timings(front):
    front.send(ask("Hello", max_tokens=8, ignore_eos=True))
    deltas = front.deltas("r")
    last = deltas[-1]
    assert last.finish_reason == "length"
    assert last.usage.completion_tokens == sum(delta.num_tokens for delta in deltas) == 8
    assert last.timings.decode_seconds > 0
    assert "".join(delta.content for delta in deltas)


def test_a_forced_tool_call_comes_as_a_tool_call(front):
    front.send(ask("Weather in Oslo?", tools=(WEATHER,), tool_choice="required", max_tokens=200))
    deltas = front.deltas("r")
    pieces = [piece for delta in deltas for piece in delta.tool_calls]
    assert pieces[0].name == "get_weather"
    assert pieces[0].id
    assert deltas[-1].finish_reason == "tool_calls"
    assert "".join(delta.content for delta in deltas) == ""


def test_a_request_that_cannot_be_honoured_is_one_error(front):
    front.send(ask("x" * 5000))
    (delta,) = front.deltas("r")
    assert (delta.error.kind, delta.error.code) == ("ContextLengthExceededError", "context_length_exceeded")
    front.send(ask("Hi", response_schema={"type": "objekt"}))
    (delta,) = front.deltas("r")
    assert delta.error.kind == "InvalidRequestError"
    front.send(ask("Hi", tool_choice="required"))
    (delta,) = front.deltas("r")
    assert delta.error.param == "tool_choice"


def test_a_worker_outlives_every_hostile_constraint(front):
    for constraint in REFUSED.values():
        front.send(ask("Hi", constraint=constraint, max_tokens=4))
        (delta,) = front.deltas("r")
        assert delta.error.kind in ("InvalidRequestError", "QueueFullError")  # full: the last two are still busy
    front.send(ask("Hi", max_tokens=4))
    assert front.deltas("r")[-1].finish_reason is not None


def test_questions_are_answered_beside_requests(front):
    front.send(Tokenize("t", "Hello <|im_end|>"))
    tokens = front.receive().tokens
    front.send(Detokenize("d", tokens))
    assert front.receive().text == "Hello <|im_end|>"
    front.send(Detokenize("d", (1, -5)))
    assert front.receive().error.param == "tokens"
    front.send(DescribeTokenizer("k"))
    assert front.receive().special_tokens["eos"] == (2, "<|im_end|>")


def test_a_conversation_is_rendered_as_it_is_for_an_answer(front):
    question = Render("q", ({"role": "user", "content": "Hello"},))
    front.send(question)
    rendered = front.receive()
    front.send(ask("Hello", max_tokens=1))
    assert front.deltas("r")[-1].usage.prompt_tokens == rendered.num_tokens
    front.send(Tokenize("t", rendered.prompt))
    assert len(front.receive().tokens) == rendered.num_tokens


def test_a_raw_prompt_is_completed_and_what_is_wrong_with_one_is_its_error(front):
    front.send(Complete(request_id="r", prompt=(5, 6, 7), sampling=GREEDY, max_tokens=3, ignore_eos=True))
    deltas = front.deltas("r")
    assert (deltas[-1].usage.prompt_tokens, deltas[-1].usage.completion_tokens) == (3, 3)
    front.send(Complete(request_id="r", prompt=(5, 1536)))
    (delta,) = front.deltas("r")
    assert (delta.error.kind, delta.error.param) == ("InvalidRequestError", "prompt")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_crash_would_leave_no_core(front):
    limits = Path(f"/proc/{front.process.pid}/limits").read_text(encoding="utf-8")
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]


def test_cancel_ends_a_running_request(front):
    front.send(ask("Hello", ignore_eos=True))
    assert isinstance(front.receive(), Step)
    front.send(Cancel("r"))
    front.send(Cancel("nobody"))
    assert front.deltas("r")[-1].finish_reason == "cancelled"


def test_two_requests_of_one_connection_do_not_mix(front):
    alone = {}
    for name, text in (("a", "What is labkit?"), ("b", "12 + 30 =")):
        front.send(Generate(name, ({"role": "user", "content": text},), sampling=GREEDY, max_tokens=24))
        alone[name] = "".join(delta.content for delta in front.deltas(name))
    for name, text in (("a", "What is labkit?"), ("b", "12 + 30 =")):
        front.send(Generate(name, ({"role": "user", "content": text},), sampling=GREEDY, max_tokens=24))
    together, open_requests = {"a": "", "b": ""}, {"a", "b"}
    while open_requests:
        for delta in front.receive().deltas:
            together[delta.request_id] += delta.content
            open_requests -= {delta.request_id} if delta.is_last else set()
    assert together == alone


def test_shutdown_cancels_what_runs_and_leaves():
    front = Front(embedded_model())
    front.receive()
    front.send(ask("Hello", ignore_eos=True))
    assert isinstance(front.receive(), Step)
    front.send(Shutdown())
    assert front.deltas("r")[-1].finish_reason == "cancelled"
    assert front.receive() is None
    assert front.close() == 0


def test_a_worker_whose_front_is_gone_leaves():
    front = Front(embedded_model())
    front.receive()
    assert front.close() == 0


def test_a_file_that_does_not_load_is_said_once(tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    front = Front(broken)
    message = front.receive()
    assert isinstance(message, LoadFailed)
    assert message.error.kind == "InvalidModelFileError"
    assert front.receive() is None
    assert front.close() == 65
