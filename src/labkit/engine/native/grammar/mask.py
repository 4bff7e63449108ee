"""What may come next in one constrained sequence."""

from collections import deque
from concurrent.futures import Executor, Future
from itertools import takewhile

import llguidance
import numpy as np
import numpy.typing as npt

from labkit.engine.native.grammar.refusals import not_honoured, too_complex
from labkit.errors import NativeError

MASK_SECONDS = 2.0
"""Longest that the loop waits for one mask; llguidance's own limits end nearly all of them long before."""
MAX_FORCED = 64
"""Most tokens that are forced at once; a schema may force a hundred thousand."""
Ceiling = npt.NDArray[np.float32]
"""For each token, the highest value that its logit may have: infinity or minus infinity. Shape (vocab_size,)."""

_DEAD_END = "NoExtension"
_FOREIGN = "doesn't satisfy the grammar"
_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
_BYTE_CEILINGS: npt.NDArray[np.float32] = np.where(_BITS, np.float32(np.inf), np.float32(-np.inf))


class TokenMask:
    """Rules out the tokens that do not belong to a language. Modifies itself with every accepted token.

    For one thread, the loop's. `prepare` starts work in another one; every other method waits for it first.
    """

    def __init__(
        self, matcher: llguidance.LLMatcher, vocab_size: int, executor: Executor, *, param: str = "response_format"
    ) -> None:
        """A mask over `matcher`, which belongs to it from now on. `param` is the request field, for errors."""
        self._matcher = matcher
        self._vocab_size = vocab_size
        self._executor = executor
        self._param = param
        self._pending: Future[list[Ceiling]] | None = None
        self._draft: deque[int] = deque()
        self._ceilings: deque[Ceiling] = deque()

    def prepare(self, draft: tuple[int, ...] = ()) -> None:
        """Start computing the mask of the next token, and those behind each token of `draft`. Does not block."""
        if self._pending is None and not self._ceilings:
            self._draft.extend(draft)
            self._pending = self._executor.submit(self._compute, draft)

    def apply(self, logits: npt.NDArray[np.float32]) -> None:
        """Set the logits of every token that may not come next to minus infinity, in place. Shape (vocab_size,).

        Takes what `prepare` computed, or computes now. Raises InvalidRequestError when the language has become too
        complex to follow.
        """
        self._settle()
        if not self._ceilings:
            self._ceilings.extend(self._compute(()))
        np.minimum(logits, self._ceilings[0], out=logits)

    def accept(self, token: int) -> None:
        """Move on by the sampled token.

        Raises NativeError when it does not belong to the language, InvalidRequestError when what follows it is too
        complex.
        """
        self._settle()
        if self._ceilings and self._draft and self._draft[0] == token:
            self._draft.popleft()
            self._ceilings.popleft()
        else:
            self._draft.clear()
            self._ceilings.clear()
        if not 0 <= token < self._vocab_size:
            raise NativeError(f"token id {token} is outside the vocabulary of {self._vocab_size}")
        if not self._matcher.consume_token(token):
            reason = self._matcher.get_error()
            if _FOREIGN in reason:
                raise NativeError(f"token {token} does not belong to the language of the constraint")
            raise too_complex(self._param, reason)

    def forced_tokens(self) -> tuple[int, ...]:
        """What comes next whatever the model thinks, as it would tokenize it; empty where it has a choice.

        `MAX_FORCED` tokens at most. Drafts, not decisions: the same text in other tokens is allowed too. Changes
        nothing.
        """
        self._settle()
        return tuple(self._matcher.compute_ff_tokens()[:MAX_FORCED])

    def first_tokens(self) -> npt.NDArray[np.intp]:
        """Every token that may come next."""
        self._settle()
        if not self._ceilings:
            self._ceilings.extend(self._compute(()))
        return np.flatnonzero(self._ceilings[0] > 0)

    def _settle(self) -> None:
        # The matcher may be used by one thread at a time.
        if self._pending is None:
            return
        try:
            ceilings = self._pending.result(MASK_SECONDS)
        except TimeoutError:
            raise too_complex(self._param, f"a mask was not ready after {MASK_SECONDS:g} s") from None
        self._pending = None
        self._ceilings.extend(ceilings)

    def _compute(self, draft: tuple[int, ...]) -> list[Ceiling]:
        """Ceilings of the present state and of those behind the tokens of `draft` that fit."""
        matcher = self._matcher
        inside = list(takewhile(lambda token: 0 <= token < self._vocab_size, draft))
        ceilings = [self._ceiling()]
        fitting = matcher.validate_tokens(inside) if inside else 0
        for token in inside[:fitting]:
            matcher.consume_token(token)
            ceilings.append(self._ceiling())
        if fitting:
            matcher.rollback(fitting)
        return ceilings

    def _ceiling(self) -> Ceiling:
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        if self._matcher.is_error():
            reason = self._matcher.get_error()
            refuse = not_honoured if reason.startswith(_DEAD_END) else too_complex
            raise refuse(self._param, "" if reason.startswith(_DEAD_END) else reason)
        if not bits.any():
            raise not_honoured(self._param, "")
        return np.take(_BYTE_CEILINGS, bits, axis=0).reshape(-1)[: self._vocab_size]
