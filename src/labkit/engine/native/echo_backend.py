"""A backend that computes nothing: the answer to a prompt is the prompt, read back from the cells it was put into.

Scheduler, slots, prefix cache, tiers, preemption, text, worker and front are the real ones, and so are vocabulary and
template. Where any of them gives one request what belongs to another, the wrong text comes out.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from labkit.engine.core.plan import BatchPlan
from labkit.engine.native.backend import NativeBackend
from labkit.engine.types import Constraint, EngineConfig, GenerationRequest, TokenLogprob
from labkit.errors import InvalidRequestError

SURE = 0.0
"""Log-probability of every token: there is no other."""


class EchoBackend(NativeBackend):
    """NativeBackend without forwards: cells are books of tokens, and token k of an answer is token k of its prompt."""

    def __init__(self, path: Path, config: EngineConfig) -> None:
        """Load the model, for its vocabulary, and make its context, for its sizes. Raises ModelLoadError."""
        super().__init__(path, config)
        self._adapts_threads = False  # there is nothing to be fast at
        self._books: dict[int, list[int]] = {}
        self._slots: dict[int, int] = {}
        self._answers: dict[str, _Answer] = {}

    def compile_constraint(self, constraint: Constraint) -> None:
        """Refuse: an echo keeps to no grammar. Raises InvalidRequestError."""
        raise _no_constraint(constraint)

    def open(self, request: GenerationRequest) -> None:
        """See Backend.open."""
        if request.constraint is not None:
            raise _no_constraint(request.constraint)
        self._check(request)
        self._answers[request.request_id] = _Answer(len(request.prompt), request.logprobs)

    def forward(self, plan: BatchPlan) -> None:
        """Put the tokens into the books."""
        self._slots = {}
        end = 0
        for span in plan.spans:
            slot = span.sequence.held_slot
            book = self._books.setdefault(slot, [])
            book[span.start :] = [*span.sequence.tokens[span.start : span.start + span.num_tokens], *span.draft]
            self._slots.update(dict.fromkeys(range(end, end + span.length), slot))
            end += span.length

    def sample(self, request_id: str, row: int) -> tuple[int, TokenLogprob | None]:
        """See Backend.sample."""
        answer = self._answers[request_id]
        token = self._next(answer, row)
        answer.num_tokens += 1
        if answer.num_logprobs is None:
            return token, None
        return token, TokenLogprob(token, SURE, ((token, SURE),)[: answer.num_logprobs])

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """See Backend.logits. All that is known of a row is the token that was put there."""
        logits = np.full(self.model.vocab_size, -np.inf, np.float32)
        book = self._books[self._slots[row]]
        logits[book[-1] if book else 0] = SURE
        return logits

    def prompt_logprobs(self, row: int, tokens: Sequence[int], num_top: int) -> list[TokenLogprob]:  # noqa: ARG002
        """See Backend.prompt_logprobs."""
        return [TokenLogprob(token, SURE, ((token, SURE),)[:num_top]) for token in tokens]

    def forced_tokens(self, request_id: str) -> tuple[int, ...]:  # noqa: ARG002
        """See Backend.forced_tokens."""
        return ()

    def copy_cells(self, source: int, target: int, end: int) -> None:
        """See Backend.copy_cells."""
        self._books[target] = self._books[source][:end]

    def free_cells(self, slot: int, start: int = 0) -> bool:
        """See Backend.free_cells."""
        self._books[slot] = self._books.get(slot, [])[:start]
        return True

    def save_cells(self, slot: int) -> bytes:
        """See Backend.save_cells. As large as the cells would be, so that budgets of bytes hold as many of them."""
        book = self._books[slot]
        return json.dumps(book).encode().ljust(len(book) * self.cell_bytes)

    def load_cells(self, slot: int, state: bytes) -> bool:
        """See Backend.load_cells."""
        self._books[slot] = json.loads(state)
        return True

    def close(self, request_id: str) -> None:
        """See Backend.close."""
        self._answers.pop(request_id, None)

    def _next(self, answer: "_Answer", row: int) -> int:
        if answer.num_tokens >= answer.num_prompt_tokens:
            return self.model.eos
        token = self._books[self._slots[row]][answer.num_tokens]
        # A marker that ends an answer is passed over, as a reader would: it has no text.
        if self.is_end(token):
            answer.num_tokens += 1
            return self._next(answer, row)
        return token


class _Answer:
    """How far the answer to one request is."""

    __slots__ = ("num_logprobs", "num_prompt_tokens", "num_tokens")

    def __init__(self, num_prompt_tokens: int, num_logprobs: int | None) -> None:
        self.num_prompt_tokens = num_prompt_tokens
        self.num_logprobs = num_logprobs
        self.num_tokens = 0


def _no_constraint(constraint: Constraint) -> InvalidRequestError:
    return InvalidRequestError(
        "the echo engine repeats the prompt and keeps to no schema or grammar",
        param=constraint.param,
        hint="leave it out, or serve without --engine echo",
    )
