"""The arrays llama_decode reads, filled through numpy: one assignment per span, not per token."""

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from labkit.errors import ForwardError


class NativeBatch:
    """Tokens of one forward. llama.cpp aborts the process for a batch over its limit: `add` checks first."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.num_tokens = 0
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

    def set_single(self, token: int, position: int, slot: int) -> None:
        """Make it one token with logits: the shortest way for a decode step of one sequence."""
        self._tokens[0] = token
        self._positions[0] = position
        self._slots[0] = slot
        self._wants_logits[0] = True
        self.num_tokens = 1

    def add(self, tokens: Sequence[int] | npt.NDArray[np.int32], start: int, slot: int, *, wants_logits: bool) -> None:
        """Add consecutive tokens of `slot` from position `start` on. Raises ForwardError when they do not fit."""
        begin, end = self.num_tokens, self.num_tokens + len(tokens)
        if end > self.capacity:
            raise ForwardError(f"{end} tokens do not fit a batch of {self.capacity}")
        self._tokens[begin:end] = tokens
        self._positions[begin:end] = np.arange(start, start + len(tokens), dtype=np.int32)
        self._slots[begin:end] = slot
        self._wants_logits[begin:end] = 0
        self._wants_logits[end - 1] = wants_logits
        self.num_tokens = end


def _as(array: npt.NDArray[Any], pointer_type: Any) -> Any:
    return ctypes.cast(array.ctypes.data, pointer_type)
