"""A worker whose model only embeds: what it answers beside embeddings, and what it refuses."""

import os

import pytest

from fakes.embedding_models import write_tiny_bert
from labkit.engine.types import EngineConfig
from labkit.worker.loading import open_session
from labkit.worker.messages import Complete, Embed, Embedded, Generate, Pulse, Ready
from labkit.worker.outbox import Outbox
from labkit.worker.questions import DescribeTokenizer, Detokenize, Render, Tokenize
from labkit.worker.wire import HEADER, body_length, unpack


class Desk:
    def __init__(self, path):
        reading, writing = os.pipe()
        self.frames, self.written = os.fdopen(reading, "rb"), os.fdopen(writing, "wb")
        outbox = Outbox(self.written)
        outbox.start()
        self.session = open_session(path, EngineConfig(num_threads=1), outbox, pid=os.getpid())
        self.session.start({})
        self.ready = self.read()

    def read(self):
        while isinstance(message := unpack(self.frames.read(body_length(self.frames.read(HEADER.size)))), Pulse):
            pass
        return message

    def ask(self, question):
        self.session.ask(question)
        return self.read()

    def refusal(self, message):
        self.session.generate(message)
        (delta,) = self.read().deltas
        assert delta.is_last
        return delta.error

    def close(self):
        self.session.close()
        self.frames.close()
        self.written.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    desk = Desk(write_tiny_bert(tmp_path_factory.mktemp("bert") / "model.gguf"))
    yield desk
    desk.close()


def test_it_says_what_it_can_do(desk):
    assert isinstance(desk.ready, Ready)
    assert desk.ready.capabilities == ("embeddings",)


def test_questions_about_tokens_are_answered(desk):
    tokens = desk.ask(Tokenize("a", "ab", add_special=True)).tokens
    assert desk.ask(Detokenize("b", tokens)).text.startswith("[CLS]")
    assert desk.ask(DescribeTokenizer("c")).kind == "WPM"


def test_there_is_no_template_to_render(desk):
    error = desk.ask(Render("a", ({"role": "user", "content": "Hi"},))).error
    assert (error.kind, error.param) == ("InvalidRequestError", "model")


@pytest.mark.parametrize(
    ("message", "word"),
    [(Generate(request_id="a", messages=()), "chat"), (Complete(request_id="a", prompt="x"), "write")],
)
def test_it_refuses_to_write_and_says_what_to_use(desk, message, word):
    error = desk.refusal(message)
    assert error.message == f"this model gives embeddings, it cannot {word}"
    assert "/v1/embeddings" in error.hint


def test_a_forward_shows_its_progress_and_embeddings_come(desk):
    desk.session.embed(Embed("e", ("abc",)))
    assert isinstance(desk.read(), Embedded)
    assert desk.session._backend.num_nodes is None or desk.session._backend.num_nodes > 0
