"""A session in this process, with a compiler that waits until it is told to go on."""

import os
import threading
from pathlib import Path

import llama_cpp
import pytest

from labkit.engine.native.grammar import compiler as compiler_module
from labkit.engine.types import EngineConfig, SamplingOverrides
from labkit.resources import embedded_model
from labkit.worker import session as session_module
from labkit.worker.loading import open_session
from labkit.worker.messages import Complete, Generate, Pulse, Step
from labkit.worker.outbox import Outbox
from labkit.worker.wire import HEADER, body_length, unpack


class Desk:
    """A session, and what it writes."""

    def __init__(self):
        reading, writing = os.pipe()
        self.frames = os.fdopen(reading, "rb")
        self.written = os.fdopen(writing, "wb")
        outbox = Outbox(self.written)
        outbox.start()
        config = EngineConfig(context_tokens=1024, num_slots=4, num_threads=1)
        self.session = open_session(Path(embedded_model()), config, outbox, pid=os.getpid())
        self.session.start({})

    def ask(self, request_id, **fields):
        sampling = SamplingOverrides(temperature=0)
        message = Generate(request_id, ({"role": "user", "content": "Hi"},), sampling=sampling, max_tokens=60, **fields)
        self.session.generate(message)

    def complete(self, prompt, **fields):
        """Everything that is said of a completion."""
        fields = {"max_tokens": 5, "sampling": SamplingOverrides(temperature=0)} | fields
        self.session.generate(Complete(request_id="c", prompt=prompt, **fields))
        deltas = []
        while not (deltas and deltas[-1].is_last):
            message = self.read()
            deltas += message.deltas if isinstance(message, Step) else []
        return deltas

    def read(self):
        return unpack(self.frames.read(body_length(self.frames.read(HEADER.size))))

    def ends(self, *request_ids):
        """The last delta of each request, in the order in which they came."""
        found = {}
        while found.keys() != set(request_ids):
            message = self.read()
            if isinstance(message, Step):
                found.update({delta.request_id: delta for delta in message.deltas if delta.is_last})
        return found

    def pulse(self):
        """The next sign of life."""
        while not isinstance(message := self.read(), Pulse):
            pass
        return message

    def close(self):
        self.session.close()
        self.frames.close()
        self.written.close()


@pytest.fixture
def desk():
    desk = Desk()
    yield desk
    desk.close()


@pytest.fixture
def compiling(monkeypatch):
    """(has begun, may go on): two events around every compilation."""
    has_begun, may_go_on = threading.Event(), threading.Event()
    write_grammar = compiler_module.write_grammar

    def when_allowed(constraint):
        has_begun.set()
        may_go_on.wait()
        return write_grammar(constraint)

    monkeypatch.setattr(compiler_module, "write_grammar", when_allowed)
    monkeypatch.setattr(compiler_module, "COMPILE_SECONDS", 60.0)
    yield has_begun, may_go_on
    may_go_on.set()


def test_others_are_answered_while_a_constraint_is_compiled(desk, compiling):
    has_begun, may_go_on = compiling
    desk.ask("slow", response_schema={"type": "boolean"}, num_choices=2)
    has_begun.wait()
    desk.ask("quick")
    assert desk.ends("quick")["quick"].finish_reason in ("stop", "length")
    may_go_on.set()
    assert desk.ends("slow")["slow"].finish_reason == "stop"


def test_cancelled_while_its_constraint_is_compiled_a_request_ends_and_once(desk, compiling):
    has_begun, may_go_on = compiling
    desk.ask("a", response_schema={"type": "boolean"})
    has_begun.wait()
    desk.session.cancel("a")
    assert desk.ends("a")["a"].finish_reason == "cancelled"
    may_go_on.set()
    desk.ask("a", response_schema={"type": "boolean"})
    assert desk.ends("a")["a"].finish_reason == "stop"


def test_what_takes_too_long_to_compile_is_the_request_s_error(desk, compiling, monkeypatch):
    monkeypatch.setattr(compiler_module, "COMPILE_SECONDS", 0.01)
    desk.ask("a", response_schema={"type": "boolean"}, num_choices=2)
    error = desk.ends("a")["a"].error
    assert (error.kind, error.code, error.param) == (
        "InvalidRequestError", "constraint_too_complex", "response_format"
    )  # fmt: skip


def test_closing_ends_what_is_still_being_compiled(compiling):
    has_begun, may_go_on = compiling
    desk = Desk()
    desk.ask("a", response_schema={"type": "boolean"})
    has_begun.wait()
    closing = threading.Thread(target=desk.session.close)
    closing.start()
    may_go_on.set()
    assert desk.ends("a")["a"].finish_reason in ("cancelled", "stop")
    closing.join()
    desk.frames.close()
    desk.written.close()


def test_a_completion_goes_on_from_its_prompt_and_may_give_it_back(desk):
    first, *rest = deltas = desk.complete("<|im_start|>user\nHi", echo=True, logprobs=1)
    assert first.prompt.text == "<|im_start|>user\nHi"
    told = [first.prompt.first, *(entry.chosen for entry in first.prompt.logprobs[1:])]
    assert b"".join(token.bytes for token in told).decode() == first.prompt.text
    assert all(entry.chosen.logprob <= entry.top[0].logprob <= 0 for entry in first.prompt.logprobs[1:])
    assert not any(delta.prompt for delta in rest)
    assert deltas[-1].usage.completion_tokens == 5


def test_a_prompt_without_an_answer_is_one_delta(desk):
    (delta,) = desk.complete("Hi there", max_tokens=0, echo=True, logprobs=0, num_choices=1)
    assert (delta.content, delta.finish_reason, delta.report.stop_cause) == ("", "length", "max_tokens")
    assert len(delta.prompt.logprobs) == delta.usage.prompt_tokens
    assert (delta.usage.completion_tokens, delta.logprobs) == (0, ())


def test_an_answer_is_at_least_as_long_as_asked(desk):
    prompt = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    natural = desk.complete(prompt, max_tokens=60)[-1]
    assert natural.report.stop_cause == "end_of_generation"
    least = natural.usage.completion_tokens + 10
    longer = desk.complete(prompt, max_tokens=60, min_tokens=least)[-1]
    assert longer.usage.completion_tokens > least


def test_a_stop_token_ends_an_answer_and_its_cause_is_told(desk):
    tokens = desk.session._backend.model.tokenize
    prompt = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    text = "".join(delta.content for delta in desk.complete(prompt, max_tokens=60))
    stop = tokens(text)[6]
    deltas = desk.complete(prompt, max_tokens=60, stop_token_ids=(stop,))
    assert deltas[-1].report.stop_cause == "stop_token"
    assert text.startswith("".join(delta.content for delta in deltas))
    assert deltas[-1].usage.completion_tokens <= 7


def test_tenants_do_not_share_a_prefix(desk):
    prompt = "The same beginning for everybody, which is long enough to be kept. " * 3
    cached = [
        desk.complete(prompt, tenant=tenant, max_tokens=1)[-1].usage.cached_tokens for tenant in ("a", "b", "a", "")
    ]
    assert cached[2] > 0
    assert (cached[0], cached[1], cached[3]) == (0, 0, 0)


def test_every_choice_is_reported(desk):
    desk.ask("r", num_choices=2, tell_prompt=True, response_schema={"type": "boolean"})
    reports = []
    while len(reports) < 2:
        message = desk.read()
        deltas = message.deltas if isinstance(message, Step) else ()
        reports += [delta.report for delta in deltas if delta.finish_reason is not None]
    for report in reports:
        assert report.prompt == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
        assert report.message_tokens[0] == ("user", len(desk.session._backend.model.tokenize("Hi")))
        assert (report.constraint, report.stop_cause) == ("json_schema", "constraint_complete")
        assert report.constraint_seconds > 0
        assert report.num_forwards > 0
    assert [(report.companions, report.most_companions) for report in reports] == [((), 1)] * 2


def test_an_endless_native_call_is_told_from_work(monkeypatch):
    monkeypatch.setattr(session_module, "PULSE_SECONDS", 0.02)
    monkeypatch.setattr(session_module, "SHOWS_NODES_SECONDS", 0.3)
    began, may_end = threading.Event(), threading.Event()
    decode = llama_cpp.llama_decode

    def hang(*arguments):
        began.set()
        may_end.wait()  # as a native call: without holding the interpreter
        return decode(*arguments)

    desk = Desk()
    desk.ask("a")
    assert desk.ends("a")["a"].finish_reason == "stop"
    monkeypatch.setattr(llama_cpp, "llama_decode", hang)
    desk.ask("b")
    began.wait()
    pulses = iter(desk.pulse, None)
    stuck = next(pulse for pulse in pulses if pulse.is_stuck)
    assert (stuck.num_running, stuck.last_step_age_seconds >= 0.3) == (1, True)
    monkeypatch.setattr(llama_cpp, "llama_decode", decode)
    may_end.set()
    assert not next(pulse for pulse in pulses if not pulse.num_running).is_stuck
    desk.close()
