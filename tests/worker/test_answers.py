import queue
import threading

import pytest

from labkit.engine.native.model import NativeModel
from labkit.errors import InvalidRequestError
from labkit.resources import embedded_model
from labkit.worker import answers as module
from labkit.worker.answers import Answers
from labkit.worker.questions import (
    DescribeTokenizer,
    Detokenize,
    Detokenized,
    Refused,
    Render,
    Rendered,
    Tokenize,
    Tokenized,
)


@pytest.fixture(scope="module")
def model():
    model = NativeModel(embedded_model())
    yield model
    model.close()


class Desk:
    def __init__(self, model, **options):
        self.replies = queue.Queue()
        self.answers = Answers(model, self.replies.put, **options)

    def ask(self, question):
        self.answers.accept(question)
        return self.replies.get()


@pytest.fixture
def desk(model):
    desk = Desk(model, render=lambda question: (f"{len(question.messages)} messages", 7), chat_format="nano")
    desk.answers.start()
    yield desk
    desk.answers.close()


def test_text_becomes_tokens_and_tokens_become_text(desk, model):
    text = "Hello <|im_end|> é"
    reply = desk.ask(Tokenize("a", text, with_pieces=True))
    assert reply == Tokenized("a", tuple(model.tokenize(text)), reply.pieces)
    assert b"".join(reply.pieces).decode() == text
    assert desk.ask(Detokenize("b", reply.tokens)) == Detokenized("b", text)


def test_markers_may_be_text_and_pieces_come_where_they_are_asked_for(desk, model):
    reply = desk.ask(Tokenize("a", "<|im_end|>", parse_special=False))
    assert reply.tokens == tuple(model.tokenize("<|im_end|>", parse_special=False))
    assert len(reply.tokens) > 1
    assert reply.pieces == ()


def test_a_conversation_is_rendered_by_whoever_knows_how(desk):
    assert desk.ask(Render("a", ({"role": "user", "content": "Hi"},))) == Rendered("a", "1 messages", 7)


def test_a_tokenizer_is_described(desk, model):
    reply = desk.ask(DescribeTokenizer("a"))
    assert (reply.kind, reply.vocab_size, reply.stop_token_ids) == ("BPE", model.vocab_size, (0, 2))
    assert (reply.chat_template, reply.chat_format) == (model.chat_template, "nano")
    assert reply.special_tokens["eos"] == (2, "<|im_end|>")


@pytest.mark.parametrize(
    ("question", "param", "message"),
    [
        (Tokenize("a", "x" * (1 << 21)), "content", "the limit is"),
        (Detokenize("a", (1, 1536)), "tokens", "token id 1536"),
    ],
)
def test_what_is_wrong_with_a_question_is_its_answer(desk, question, param, message):
    reply = desk.ask(question)
    assert isinstance(reply, Refused)
    assert (reply.error.kind, reply.error.param) == ("InvalidRequestError", param)
    assert message in reply.error.message


def test_a_model_that_cannot_chat_refuses_to_render(model):
    desk = Desk(model)
    desk.answers.start()
    reply = desk.ask(Render("a", ()))
    desk.answers.close()
    assert "no chat template" in reply.error.message


def test_a_bug_in_one_answer_is_told_without_details_and_the_next_is_given(model):
    def render(question):
        raise KeyError("secret") if not question.messages else InvalidRequestError("no", param="messages")

    desk = Desk(model, render=render)
    desk.answers.start()
    first, second = desk.ask(Render("a", ())), desk.ask(Render("b", ({},)))
    desk.answers.close()
    assert (first.error.kind, "secret" in first.error.message) == ("NativeError", False)
    assert (second.request_id, second.error.message) == ("b", "no")


def test_too_many_are_refused_and_those_that_wait_are_answered_at_the_end(model, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    began, may_go_on = threading.Event(), threading.Event()

    def render(question):
        began.set()
        may_go_on.wait()
        return question.request_id, 1

    desk = Desk(model, render=render)
    desk.answers.start()
    desk.answers.accept(Render("first", ()))
    began.wait()
    for name in ("second", "third"):
        desk.answers.accept(Render(name, ()))
    refused = desk.ask(Render("fourth", ()))
    assert (refused.request_id, refused.error.kind, refused.error.retry_after_seconds) == (
        "fourth",
        "QueueFullError",
        1,
    )
    may_go_on.set()
    desk.answers.close()
    assert [desk.replies.get().prompt for _ in range(3)] == ["first", "second", "third"]
