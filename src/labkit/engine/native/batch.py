"""The arrays llama_decode reads, filled through numpy: one assignment per span, not per token."""

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from labkit.errors import ForwardError

_MAX_ID = 2**31 - 1


class NativeBatch:
    """Tokens of one forward. llama.cpp aborts the process for some wrong batches: `add` checks first.

    Attributes:
        capacity: most tokens (`n_batch`).
        spans: what was added, as (slot, position of the first token, number of tokens).
        rows: batch indexes with logits, in order, each with its place among them.
    """

    def __init__(
        self, capacity: int, *, vocab_size: int = _MAX_ID, num_slots: int = _MAX_ID, max_logits: int = _MAX_ID
    ) -> None:
        self.capacity = capacity
        self.num_tokens = 0
        self.spans: list[tuple[int, int, int]] = []
        self.rows: dict[int, int] = {}
        self._vocab_size = vocab_size
        self._num_slots = num_slots
        self._max_logits = max_logits
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._counts = np.ones(capacity, np.int32)
        self._slots = np.zeros(capacity, np.int32)
        self._wants_logits = np.zeros(capacity, np.int8)
        # Each token belongs to one sequence: entry i of this table points at entry i of `_slots`, for ever.
        addresses = self._slots.ctypes.data + np.arange(capacity, dtype=np.uintp) * self._slots.itemsize
        self._slot_pointers = np.ascontiguousarray(addresses, dtype=np.uintp)
        self._struct = llama_cpp.llama_batch(
            n_tokens=0,
            token=_as(self._tokens, ctypes.POINTER(llama_cpp.llama_token)),
            embd=None,
            pos=_as(self._positions, ctypes.POINTER(llama_cpp.llama_pos)),
            n_seq_id=_as(self._counts, ctypes.POINTER(ctypes.c_int32)),
            seq_id=_as(self._slot_pointers, ctypes.POINTER(ctypes.POINTER(llama_cpp.llama_seq_id))),
            logits=_as(self._wants_logits, ctypes.POINTER(ctypes.c_int8)),
        )

    @property
    def struct(self) -> llama_cpp.llama_batch:
        """What llama_decode takes."""
        self._struct.n_tokens = self.num_tokens
        return self._struct

    def clear(self) -> None:
        """Empty it."""
        self.num_tokens = 0
        self.spans.clear()
        self.rows.clear()

    def add(
        self,
        tokens: Sequence[int] | npt.NDArray[np.integer[Any]],
        start: int,
        slot: int,
        *,
        wants_logits: bool,
        num_logits: int = 1,
    ) -> None:
        """Add consecutive tokens of `slot` from position `start` on, with logits for the last `num_logits` of them.

        Raises ForwardError when they do not fit, or are not what llama.cpp can take; the batch is unchanged then.
        """
        count = len(tokens)
        begin, end = self.num_tokens, self.num_tokens + count
        num_logits = num_logits if wants_logits else 0
        self._check(begin, end, start, slot, num_logits)
        if count == 1:
            self._put_one(int(tokens[0]), start, slot)
        else:
            self._tokens[begin:end] = self._checked(np.asarray(tokens))
            self._positions[begin:end] = np.arange(start, start + count, dtype=np.int32)
            self._slots[begin:end] = slot
        self._wants_logits[begin : end - num_logits] = 0
        self._wants_logits[end - num_logits : end] = 1
        for row in range(end - num_logits, end):
            self.rows[row] = len(self.rows)
        self.spans.append((slot, start, count))
        self.num_tokens = end

    def _put_one(self, token: int, position: int, slot: int) -> None:
        # A decode step is a span of one token per sequence: scalars cost less than slices.
        if not 0 <= token < self._vocab_size:
            raise self._outside(token)
        index = self.num_tokens
        self._tokens[index] = token
        self._positions[index] = position
        self._slots[index] = slot

    def _check(self, begin: int, end: int, start: int, slot: int, num_logits: int) -> None:
        if end > self.capacity:
            raise ForwardError(f"{end} tokens do not fit a batch of {self.capacity}")
        if not 0 <= num_logits <= end - begin or end == begin:
            raise ForwardError(f"a span of {end - begin} tokens with logits for {num_logits}")
        if len(self.rows) + num_logits > self._max_logits:
            raise ForwardError(f"{len(self.rows) + num_logits} rows of logits, the context has {self._max_logits}")
        if not 0 <= slot < self._num_slots:
            raise ForwardError(f"there is no slot {slot}, the context has {self._num_slots}")
        if not 0 <= start <= _MAX_ID - (end - begin):
            raise ForwardError(f"there is no position {start}")

    def _checked(self, tokens: npt.NDArray[Any]) -> npt.NDArray[Any]:
        least, most = int(tokens.min()), int(tokens.max())
        if least < 0 or most >= self._vocab_size:
            raise self._outside(least if least < 0 else most)
        return tokens

    def _outside(self, token: int) -> ForwardError:
        return ForwardError(f"an invalid batch: token id {token} is outside the vocabulary of {self._vocab_size}")


def _as(array: npt.NDArray[Any], pointer_type: Any) -> Any:
    return ctypes.cast(array.ctypes.data, pointer_type)
