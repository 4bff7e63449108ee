"""A session in this process, with a compiler that waits until it is told to go on."""

import os
import threading
from pathlib import Path

import pytest

from labkit.engine.native.grammar import compiler as compiler_module
from labkit.engine.types import EngineConfig, SamplingOverrides
from labkit.resources import embedded_model
from labkit.worker.loading import open_session
from labkit.worker.messages import Generate, Step
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

    def ends(self, *request_ids):
        """The last delta of each request, in the order in which they came."""
        found = {}
        while found.keys() != set(request_ids):
            message = unpack(self.frames.read(body_length(self.frames.read(HEADER.size))))
            if isinstance(message, Step):
                found.update({delta.request_id: delta for delta in message.deltas if delta.is_last})
        return found

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
