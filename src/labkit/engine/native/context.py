"""A context: KV cache and compute buffers of one model, and the one call that evaluates."""

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from labkit.engine.native.batch import NativeBatch
from labkit.engine.native.model import NativeModel
from labkit.errors import ForwardError, ModelLoadError


class NativeContext:
    """One model, one KV cache. One thread at a time: two abort the process."""

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
    ) -> None:
        """Allocate; raises ModelLoadError when the memory is not to be had.

        Flash attention is llama.cpp's choice, sliding-window layers keep their window only, and all sequences
        share one cache, so that a prefix can be shared among them without copying.
        """
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = context_tokens
        params.n_batch = min(batch_tokens, context_tokens)
        params.n_ubatch = min(ubatch_tokens, params.n_batch)
        params.n_seq_max = num_slots
        params.n_outputs_max = num_slots
        params.n_threads = num_threads
        params.n_threads_batch = num_threads_batch or num_threads
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO
        params.swa_full = False
        params.kv_unified = True
        params.no_perf = True
        pointer = llama_cpp.llama_init_from_model(model.pointer, params)
        if not pointer:
            raise ModelLoadError(
                f"no memory for a context of {context_tokens} tokens",
                hint="serve with a smaller --ctx, or close other programs",
            )
        self._pointer: Any = pointer
        self._model = model
        self._memory: Any = llama_cpp.llama_get_memory(pointer)
        self.context_tokens: int = llama_cpp.llama_n_ctx(pointer)
        self.batch_tokens: int = llama_cpp.llama_n_batch(pointer)
        self.ubatch_tokens: int = llama_cpp.llama_n_ubatch(pointer)
        self.num_slots = num_slots
        self.num_threads = num_threads
        self.batch = NativeBatch(self.batch_tokens)

    @property
    def pointer(self) -> Any:
        """The native handle. Raises ForwardError after `close`."""
        if self._pointer is None:
            raise ForwardError("the context is closed")
        return self._pointer

    def close(self) -> None:
        """Free everything; harmless when called twice."""
        if self._pointer is not None:
            llama_cpp.llama_free(self._pointer)
            self._pointer = None

    def forward(self) -> None:
        """Evaluate what is in `batch`. Blocks; releases the GIL meanwhile. Raises ForwardError with the cause."""
        code = llama_cpp.llama_decode(self.pointer, self.batch.struct)
        if code == 0:
            return
        causes = {1: "no free KV cells", 2: "aborted", -1: "an invalid batch"}
        raise ForwardError(f"llama_decode failed: {causes.get(code, f'code {code}')}")

    def forward_tokens(self, tokens: Sequence[int] | npt.NDArray[np.int32], start: int, slot: int = 0) -> None:
        """Evaluate consecutive tokens of one sequence, with logits for the last one."""
        self.batch.clear()
        self.batch.add(tokens, start, slot, wants_logits=True)
        self.forward()

    def forward_token(self, token: int, position: int, slot: int = 0) -> None:
        """Evaluate one token, with logits."""
        self.batch.set_single(token, position, slot)
        self.forward()

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """Logits of batch index `row`: shape (vocab_size,), a view that the next forward overwrites."""
        pointer = llama_cpp.llama_get_logits_ith(self.pointer, row)
        if not pointer:
            raise ForwardError(f"there are no logits for batch index {row}")
        return np.ctypeslib.as_array(
            ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), shape=(self._model.vocab_size,)
        )

    def synchronize(self) -> None:
        """Wait until the last forward is done (it may run on an accelerator)."""
        llama_cpp.llama_synchronize(self.pointer)

    def clear(self) -> None:
        """Drop every KV cell."""
        llama_cpp.llama_memory_clear(self._memory, False)

    def free_cells(self, slot: int, start: int = 0) -> bool:
        """Drop the cells of `slot` from position `start` on.

        False where the model cannot drop a part (recurrent state); dropping all of it never fails.
        """
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, slot, start, -1))

    def set_threads(self, num_threads: int, num_threads_batch: int | None = None) -> None:
        """Threads for decode and for prefill, from the next forward on."""
        llama_cpp.llama_set_n_threads(self.pointer, num_threads, num_threads_batch or num_threads)
        self.num_threads = num_threads
