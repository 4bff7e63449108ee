"""A context: KV cache and compute buffers of one model, and the one call that evaluates."""

import ctypes
import threading
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from labkit.engine.capacity import MAX_SLOTS
from labkit.engine.native.batch import NativeBatch
from labkit.engine.native.cells import NativeCells
from labkit.engine.native.interrupt import InterruptFlag
from labkit.engine.native.library import refuse_after_fork, set_params
from labkit.engine.native.model import NativeModel
from labkit.errors import ForwardError, ForwardInterruptedError, ModelLoadError, NativeError

MAX_THREADS = 512
"""GGML_MAX_N_THREADS: one more ends the process."""
MAX_CONTEXT_TOKENS = 1 << 26
"""llama.cpp works for half a minute on 2**31 before it gives up."""
_REFUSED = (1, -1)
"""Answers of llama_decode before it has touched a cell."""
_CAUSES = {1: "no free KV cells", 2: "interrupted", -1: "an invalid batch"}


class NativeContext:
    """One model, one KV cache. The thread that evaluates first owns it: two abort the process.

    Attributes:
        context_tokens, batch_tokens, ubatch_tokens: as llama.cpp made them (`n_ctx`, `n_batch`, `n_ubatch`).
        num_slots: sequences it can hold (`n_seq_max`).
        max_logits: most rows of logits of one forward.
        cells: which slot holds how many KV cells, and what can be done with them.
    """

    def __init__(
        self,
        model: NativeModel,
        *,
        context_tokens: int,
        num_slots: int = 1,
        batch_tokens: int = 2048,
        ubatch_tokens: int = 512,
        num_threads: int = 1,
        num_threads_batch: int | None = None,
        max_logits: int | None = None,
    ) -> None:
        """Allocate; raises ModelLoadError when the memory is not to be had.

        Flash attention is llama.cpp's choice, sliding-window layers keep their window only, and all sequences
        share one cache, so that a prefix can be shared among them without copying.
        """
        self._owner: int | None = None
        self._is_running = False
        self._pointer: Any = None
        self._model = model
        self.num_slots = max(1, min(num_slots, MAX_SLOTS))
        self.num_threads = _clamped(num_threads)
        self.num_threads_batch = _clamped(num_threads_batch or num_threads)
        batch = min(batch_tokens, context_tokens)
        # llama.cpp aborts the process when n_outputs_max is below n_seq_max.
        self.max_logits = max(self.num_slots, max_logits or 0)
        self._pointer = self._allocate(context_tokens, batch, min(ubatch_tokens, batch))
        model.acquire_context()
        self.interrupts = InterruptFlag()
        self.interrupts.install(self._pointer)
        self.context_tokens: int = llama_cpp.llama_n_ctx(self._pointer)
        self.batch_tokens: int = llama_cpp.llama_n_batch(self._pointer)
        self.ubatch_tokens: int = llama_cpp.llama_n_ubatch(self._pointer)
        self.batch = NativeBatch(
            self.batch_tokens, vocab_size=model.vocab_size, num_slots=self.num_slots, max_logits=self.max_logits
        )
        self.cells = NativeCells(self._pointer, model.memory_kind, self.num_slots, model.window_tokens)
        self._rows: dict[int, int] = {}
        self._logits: npt.NDArray[np.float32] | None = None
        self._view: npt.NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._view_of = (0, 0)

    def _allocate(self, context_tokens: int, batch_tokens: int, ubatch_tokens: int) -> Any:
        if not 0 < context_tokens <= MAX_CONTEXT_TOKENS or batch_tokens < 1 or ubatch_tokens < 1:
            pointer = None
        else:
            params = llama_cpp.llama_context_default_params()
            set_params(
                params,
                n_ctx=context_tokens,
                n_batch=batch_tokens,
                n_ubatch=ubatch_tokens,
                n_seq_max=self.num_slots,
                n_outputs_max=self.max_logits,
                n_threads=self.num_threads,
                n_threads_batch=self.num_threads_batch,
                flash_attn_type=llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
                swa_full=False,
                kv_unified=True,
                no_perf=True,
            )
            pointer = llama_cpp.llama_init_from_model(self._model.pointer, params)
        if not pointer:
            raise ModelLoadError(
                f"no memory for a context of {context_tokens} tokens",
                hint="serve with a smaller --ctx, or close other programs",
            )
        return pointer

    @property
    def pointer(self) -> Any:
        """The native handle, for the owner. Raises ForwardError after `close`, NativeError in another thread."""
        if self._pointer is None:
            raise ForwardError("the context is closed")
        if self._owner != threading.get_ident():
            self._take()
        return self._pointer

    def claim(self) -> None:
        """Make the calling thread the owner. Raises NativeError while another one is in `forward`."""
        if self._is_running:
            raise NativeError("another thread is in a forward of this context")
        self._owner = threading.get_ident()

    def _take(self) -> None:
        if self._owner is not None:
            raise NativeError(
                "a context belongs to the thread that evaluates first, and this is another one",
                hint="one engine, one thread; `claim` hands a context over",
            )
        self._owner = threading.get_ident()

    def close(self) -> None:
        """Free everything; harmless when called twice. Raises NativeError while a thread is in `forward`."""
        if self._is_running:
            raise NativeError("a context cannot be closed in the middle of a forward")
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            self.cells.close()
            llama_cpp.llama_free(pointer)
            self._model.release_context()
            self._logits = None

    def interrupt(self) -> None:
        """End the running forward at its next graph node, where the device allows. Any thread may call."""
        self.interrupts.set()

    @property
    def num_nodes(self) -> int | None:
        """Graph nodes of the running or last forward; None where that is not known before its end. Any thread may ask.

        What runs on an accelerator shows nothing of itself.
        """
        return self.interrupts.num_nodes if self.interrupts.counts else None

    def forward(self) -> None:
        """Evaluate what is in `batch`. Blocks; releases the GIL meanwhile.

        Raises ForwardInterruptedError after `interrupt`, ForwardError with the cause for anything else. Cells of
        the micro-batches before the failure stay then; `cells` knows how many.
        """
        pointer, batch = self.pointer, self.batch
        refuse_after_fork()
        if not batch.num_tokens:
            raise ForwardError("an empty batch")
        self.cells.expect(batch.spans)
        self._rows, self._logits = {}, None
        self.interrupts.clear()
        self._is_running = True
        try:
            code = llama_cpp.llama_decode(pointer, batch.struct)
        finally:
            self._is_running = False
        if code:
            if code not in _REFUSED:
                self.cells.recover(batch.spans)
            kind = ForwardInterruptedError if code == 2 else ForwardError
            raise kind(f"llama_decode failed: {_CAUSES.get(code, f'code {code}')}")
        self.cells.commit(batch.spans)
        self._rows = batch.rows.copy()

    def forward_tokens(self, tokens: Sequence[int] | npt.NDArray[np.int32], start: int, slot: int = 0) -> None:
        """Evaluate consecutive tokens of one sequence, with logits for the last one."""
        self.batch.clear()
        self.batch.add(tokens, start, slot, wants_logits=True)
        self.forward()

    def forward_token(self, token: int, position: int, slot: int = 0) -> None:
        """Evaluate one token, with logits."""
        self.forward_tokens((token,), position, slot)

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """Logits of batch index `row`: shape (vocab_size,), a view that the next forward overwrites.

        Raises ForwardError when that index has none.
        """
        place = self._rows.get(row)
        if place is None:
            raise ForwardError(f"there are no logits for batch index {row}")
        if self._logits is None:
            self._logits = self._read_logits()
        return self._logits[place]

    def logits_block(self, row: int, count: int) -> npt.NDArray[np.float32]:
        """Logits of `count` batch indexes from `row` on: shape (count, vocab_size), a view as that of `logits`.

        Raises ForwardError when one of them has none.
        """
        if not all(index in self._rows for index in range(row, row + count)):
            raise ForwardError(f"there are no logits for all of {count} batch indexes from {row} on")
        self.logits(row)
        assert self._logits is not None
        return self._logits[self._rows[row] :][:count]

    def _read_logits(self) -> npt.NDArray[np.float32]:
        """All rows, shape (number of rows, vocab_size), in the order of the batch. Waits for the device."""
        pointer: Any = llama_cpp.llama_get_logits(self.pointer)
        if not pointer:
            raise ForwardError("the model gives no logits")
        # The buffer rarely moves, and to make an array over it takes longer than to sample from it.
        place = ctypes.addressof(pointer.contents), len(self._rows)
        if place != self._view_of:
            self._view = np.ctypeslib.as_array(pointer, shape=(len(self._rows), self._model.vocab_size))
            self._view_of = place
        return self._view

    def synchronize(self) -> None:
        """Wait until the last forward is done (it may run on an accelerator)."""
        llama_cpp.llama_synchronize(self.pointer)

    def clear(self) -> None:
        """Drop every KV cell."""
        _ = self.pointer
        self.cells.clear()

    def free_cells(self, slot: int, start: int = 0) -> bool:
        """Drop the cells of `slot` from position `start` on. See NativeCells.free."""
        _ = self.pointer
        return self.cells.free(slot, start)

    def copy_cells(self, source: int, target: int, end: int) -> None:
        """Let the empty slot `target` share the first `end` cells of `source`. See NativeCells.copy."""
        _ = self.pointer
        self.cells.copy(source, target, end)

    def save_cells(self, slot: int) -> bytes:
        """The state of `slot`. See NativeCells.save."""
        _ = self.pointer
        return self.cells.save(slot)

    def load_cells(self, slot: int, state: bytes) -> bool:
        """Put a saved state into the empty `slot`. See NativeCells.load."""
        _ = self.pointer
        return self.cells.load(slot, state)

    def set_threads(self, num_threads: int, num_threads_batch: int | None = None) -> None:
        """Threads for decode and for prefill, from the next forward on."""
        self.num_threads = _clamped(num_threads)
        self.num_threads_batch = _clamped(num_threads_batch or num_threads)
        llama_cpp.llama_set_n_threads(self.pointer, self.num_threads, self.num_threads_batch)


def _clamped(num_threads: int) -> int:
    return max(1, min(num_threads, MAX_THREADS))
