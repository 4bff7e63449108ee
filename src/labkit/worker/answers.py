"""Answers to questions that make the model compute nothing: its vocabulary and its template."""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import asdict

from labkit.engine.native.model import NativeModel
from labkit.engine.native.tokenizer import describe_tokenizer, detokenize
from labkit.errors import InvalidRequestError, LabkitError, NativeError, QueueFullError
from labkit.worker.questions import (
    DescribeTokenizer,
    Detokenize,
    Detokenized,
    Question,
    Refused,
    Render,
    Rendered,
    Reply,
    Tokenize,
    Tokenized,
    TokenizerDescribed,
)
from labkit.worker.wire import describe_error

logger = logging.getLogger(__name__)

MAX_WAITING = 256
RenderPrompt = Callable[[Render], tuple[str, int]]
"""A conversation as the model gets it, and its number of tokens. Raises LabkitError."""


def refuse_rendering(question: Render) -> tuple[str, int]:
    """The RenderPrompt of a model that cannot chat."""
    del question
    raise InvalidRequestError(
        "this model has no chat template",
        param="model",
        hint="serve an instruction-tuned model, or POST /v1/completions",
    )


class Answers:
    """Takes questions, and answers them one after another in a thread of its own.

    A long text takes a second to tokenize: neither the engine's loop nor the reader of messages waits for that.
    """

    def __init__(
        self,
        model: NativeModel,
        put: Callable[[Reply], None],
        *,
        render: RenderPrompt = refuse_rendering,
        chat_format: str = "",
    ) -> None:
        """`put` and `render` are called from the thread; `render` must take care of whoever else renders."""
        self._model = model
        self._put = put
        self._render = render
        self._chat_format = chat_format
        self._questions: queue.Queue[Question | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="labkit-answers", daemon=True)

    def start(self) -> None:
        """Start answering."""
        self._thread.start()

    def accept(self, question: Question) -> None:
        """Answer soon; does not block. What is wrong with the question comes as its answer."""
        try:
            self._questions.put_nowait(question)
        except queue.Full:
            error = QueueFullError(f"{MAX_WAITING} questions are already waiting", retry_after_seconds=1)
            self._put(Refused(question.request_id, describe_error(error)))

    def close(self) -> None:
        """Answer what waits, and end; for before the model is closed. Blocks."""
        if self._thread.is_alive():
            self._questions.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (question := self._questions.get()) is not None:
            self._put(self._answer(question))

    def _answer(self, question: Question) -> Reply:
        try:
            match question:
                case Tokenize():
                    return self._tokenized(question)
                case Detokenize():
                    return Detokenized(question.request_id, detokenize(self._model, question.tokens))
                case Render():
                    return Rendered(question.request_id, *self._render(question))
                case DescribeTokenizer():
                    return self._described(question)
        except LabkitError as error:
            return Refused(question.request_id, describe_error(error))
        except Exception:
            logger.exception("a question has no answer")
            error = NativeError("the worker failed over this question", hint="see its log: labkit logs")
            return Refused(question.request_id, describe_error(error))

    def _tokenized(self, question: Tokenize) -> Tokenized:
        model = self._model
        tokens = model.tokenize(
            question.text, add_special=question.add_special, parse_special=question.parse_special, param="content"
        )
        pieces = tuple(model.piece(token, with_control=True) for token in tokens) if question.with_pieces else ()
        return Tokenized(question.request_id, tuple(tokens), pieces)

    def _described(self, question: DescribeTokenizer) -> TokenizerDescribed:
        model = self._model
        return TokenizerDescribed(
            question.request_id,
            vocab_size=model.vocab_size,
            stop_token_ids=model.end_tokens,
            chat_template=model.chat_template,
            chat_format=self._chat_format,
            **asdict(describe_tokenizer(model)),
        )
