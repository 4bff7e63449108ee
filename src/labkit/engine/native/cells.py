"""KV cells of a context: how many each slot holds, and the calls that copy, drop, save and load them.

llama.cpp's src/llama-kv-cache*.cpp and src/llama-memory-*.cpp say what can be done with which memory:

| memory | a beginning can be copied | the end can be dropped |
|---|---|---|
| full attention | yes, only metadata changes | yes |
| sliding window | the whole sequence only: cells before the window are gone | while the window before it is there |
| recurrent, hybrid | the whole sequence only: the state is that of the last token | no |
"""

import ctypes
from collections.abc import Iterable
from typing import Any

import llama_cpp
import numpy as np

from labkit.engine.native.model import MemoryKind
from labkit.errors import ForwardError

Spans = Iterable[tuple[int, int, int]]
_STATE_HEADER_BYTES = 8


class NativeCells:
    """Bookkeeping per slot, kept equal to what llama.cpp holds. Only the context's owner calls.

    Attributes:
        counts: cells of each slot, always positions 0 to count - 1.
    """

    def __init__(self, context: Any, kind: MemoryKind, num_slots: int, window_tokens: int) -> None:
        """`context` is the native handle."""
        self.counts = [0] * num_slots
        self._context: Any = context
        self._memory: Any = llama_cpp.llama_get_memory(context)
        self.kind: MemoryKind = kind if self._memory else "none"
        self._window_tokens = window_tokens

    @property
    def forks_anywhere(self) -> bool:
        """Whether `copy` may copy any beginning of a sequence."""
        return self.kind == "full"

    @property
    def can_rewind(self) -> bool:
        """Whether `free` can drop the last few cells of a sequence."""
        return self.kind in ("full", "window")

    def close(self) -> None:
        """The context is about to be freed."""
        self._context = self._memory = None

    def expect(self, spans: Spans) -> None:
        """Raise ForwardError when a batch of (slot, start, count) would leave a hole in a sequence, or rewrite it."""
        ends: dict[int, int] = {}
        for slot, start, count in spans:
            end = ends.get(slot, self.counts[slot])
            if start != end:
                raise ForwardError(f"slot {slot} holds {end} cells, its next position is not {start}")
            ends[slot] = start + count

    def commit(self, spans: Spans) -> None:
        """A batch was evaluated."""
        for slot, start, count in spans:
            self.counts[slot] = start + count

    def recover(self, spans: Spans) -> None:
        """A batch failed while it was evaluated: llama.cpp took back its last micro-batch, and kept what came before.

        A recurrent state cannot be taken back; such a sequence is lost, and its slot is emptied.
        """
        for slot in {slot for slot, _, _ in spans}:
            if self.can_rewind:
                self.counts[slot] = llama_cpp.llama_memory_seq_pos_max(self._memory, slot) + 1
            else:
                self._drop(slot)

    def clear(self) -> None:
        """Drop every cell of every slot."""
        llama_cpp.llama_memory_clear(self._alive(), False)
        self.counts = [0] * len(self.counts)

    def copy(self, source: int, target: int, end: int) -> None:
        """Let the empty slot `target` share the first `end` cells of `source`.

        Raises ForwardError when `target` is not empty, `source` is shorter, or the model cannot copy that.
        """
        self._check(source)
        self._check(target)
        count = self.counts[source]
        if source == target or self.counts[target]:
            raise ForwardError(f"slot {target} is not empty")
        if not 0 <= end <= count:
            raise ForwardError(f"slot {source} holds {count} cells, not {end}")
        if end != count and not self.forks_anywhere:
            raise ForwardError(f"this model copies whole sequences only: {end} of {count} cells were asked for")
        if end:
            # DeepSeek-V4's memory asserts that a whole sequence is asked for by -1, -1.
            first, last = (0, end) if end < count else (-1, -1)
            llama_cpp.llama_memory_seq_cp(self._alive(), source, target, first, last)
            self.counts[target] = end

    def free(self, slot: int, start: int = 0) -> bool:
        """Drop the cells of `slot` from position `start` on. Dropping all never fails.

        False when the model no longer has what it needs to go on from `start`; the slot is empty then.
        """
        self._check(slot)
        if start == self.counts[slot]:
            return True
        if 0 < start < self.counts[slot] and self._can_go_on_from(slot, start):
            llama_cpp.llama_memory_seq_rm(self._alive(), slot, start, -1)
            self.counts[slot] = start
            return True
        self._drop(slot)
        return start <= 0

    def save(self, slot: int) -> bytes:
        """The state of `slot`, cells and positions. Raises ForwardError when llama.cpp cannot write it."""
        self._check(slot)
        self._alive()
        size = llama_cpp.llama_state_seq_get_size(self._context, slot)  # pyright: ignore[reportArgumentType]
        buffer = np.empty(size, np.uint8)
        target: Any = ctypes.cast(buffer.ctypes.data, ctypes.POINTER(ctypes.c_uint8))
        written = llama_cpp.llama_state_seq_get_data(self._context, target, size, slot)  # pyright: ignore[reportArgumentType]
        if not 0 < written <= size:
            raise ForwardError(f"the state of slot {slot} cannot be saved")
        return buffer[:written].tobytes()

    def load(self, slot: int, state: bytes) -> bool:
        """Put a saved state into the empty `slot`. False (and the slot is empty) when it does not fit.

        llama.cpp notices wrong sizes and shapes, not wrong numbers: check the digest of `state` before.
        """
        self._check(slot)
        if self.counts[slot]:
            raise ForwardError(f"slot {slot} is not empty")
        self._alive()
        if len(state) <= _STATE_HEADER_BYTES:
            return False
        source: Any = ctypes.cast(ctypes.c_char_p(state), ctypes.POINTER(ctypes.c_uint8))
        read = llama_cpp.llama_state_seq_set_data(self._context, source, len(state), slot)  # pyright: ignore[reportArgumentType]
        end = llama_cpp.llama_memory_seq_pos_max(self._memory, slot) + 1
        first = llama_cpp.llama_memory_seq_pos_min(self._memory, slot)
        if read != len(state) or end <= 0 or (self.kind == "full" and first != 0):
            self._drop(slot)
            return False
        self.counts[slot] = end
        return True

    def _drop(self, slot: int) -> None:
        llama_cpp.llama_memory_seq_rm(self._alive(), slot, -1, -1)
        self.counts[slot] = 0

    def _can_go_on_from(self, slot: int, start: int) -> bool:
        """Whether everything that the token at `start` looks at is there. A recurrent state never is."""
        if self.kind == "window":
            oldest = llama_cpp.llama_memory_seq_pos_min(self._alive(), slot)
            return oldest <= max(0, start - self._window_tokens + 1)
        return self.kind == "full"

    def _check(self, slot: int) -> None:
        # llama.cpp asserts on a sequence id out of range.
        if not 0 <= slot < len(self.counts):
            raise ForwardError(f"there is no slot {slot}, the context has {len(self.counts)}")

    def _alive(self) -> Any:
        if self._context is None:
            raise ForwardError("the context is closed")
        return self._memory
