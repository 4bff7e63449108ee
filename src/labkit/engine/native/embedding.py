"""A context that yields embeddings or rerank scores, with every call guarded that llama.cpp would die of."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from labkit.engine.capacity import MAX_SLOTS
from labkit.engine.native.batch import NativeBatch
from labkit.engine.native.interrupt import InterruptFlag
from labkit.engine.native.library import set_params
from labkit.engine.native.model import NativeModel
from labkit.errors import ForwardError, ModelLoadError
from labkit.model import Pooling

POOLING_TYPES: dict[Pooling, int] = {
    "none": llama_cpp.LLAMA_POOLING_TYPE_NONE,
    "mean": llama_cpp.LLAMA_POOLING_TYPE_MEAN,
    "cls": llama_cpp.LLAMA_POOLING_TYPE_CLS,
    "last": llama_cpp.LLAMA_POOLING_TYPE_LAST,
    "rank": llama_cpp.LLAMA_POOLING_TYPE_RANK,
}
Vector = npt.NDArray[np.float32]


class NativeEmbeddingContext:
    """One model and its compute buffers for whole inputs. One thread at a time.

    A model whose tokens see the whole input computes each in one piece, so its buffers are sized for the longest one
    (llama.cpp aborts the process for a longer one). A causal model computes a long input in pieces of `batch_tokens`.
    """

    def __init__(
        self,
        model: NativeModel,
        *,
        pooling: Pooling,
        sequence_tokens: int,
        batch_tokens: int,
        num_sequences: int,
        num_threads: int = 1,
    ) -> None:
        """Allocate. Raises ModelLoadError when the memory is not to be had, or the model has no embeddings to give.

        `pooling` "rank" must be asked only of a model with a head for it: without one the scores mean nothing.
        """
        self._model = model
        self._takes_encode = _takes_encode(model)
        self.pooling: Pooling = pooling
        self.batch_tokens = batch_tokens
        self.max_inputs = max(1, min(num_sequences, MAX_SLOTS, batch_tokens))
        self.sequence_tokens = min(sequence_tokens, model.trained_context_tokens)
        self.size: int = (
            llama_cpp.llama_model_n_cls_out(model.pointer)
            if pooling == "rank"
            else llama_cpp.llama_model_n_embd_out(model.pointer)
        )
        self._pointer: Any = self._open(whole=False, num_threads=num_threads)
        self.is_causal = bool(llama_cpp.llama_get_causal_attn(self._pointer))
        self._memory: Any = llama_cpp.llama_get_memory(self._pointer)
        self._takes_encode = self._takes_encode or not self._memory
        self._computes_pieces = self.is_causal and bool(self._memory) and not self._takes_encode
        if not self._computes_pieces and self.sequence_tokens > batch_tokens:
            llama_cpp.llama_free(self._pointer)
            self._pointer = self._open(whole=True, num_threads=num_threads)
            self._memory = llama_cpp.llama_get_memory(self._pointer)
        self.interrupts = InterruptFlag()
        self.interrupts.install(self._pointer)
        self._model.acquire_context()  # a model freed before its context ends the process
        self._capacity: int = llama_cpp.llama_n_ubatch(self._pointer)
        self._batch = NativeBatch(self._capacity, vocab_size=model.vocab_size, num_slots=self.max_inputs)

    def _open(self, *, whole: bool, num_threads: int) -> Any:
        capacity = max(self.batch_tokens, self.sequence_tokens) if whole else self.batch_tokens
        params = llama_cpp.llama_context_default_params()
        set_params(
            params,
            n_ctx=max(self.batch_tokens, self.sequence_tokens),
            n_batch=capacity,
            n_ubatch=capacity,
            n_seq_max=self.max_inputs,
            n_threads=num_threads,
            n_threads_batch=num_threads,
            embeddings=True,
            pooling_type=POOLING_TYPES[self.pooling],
            flash_attn_type=llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
            kv_unified=True,
            no_perf=True,
        )
        pointer = llama_cpp.llama_init_from_model(self._model.pointer, params)
        if not pointer:
            raise ModelLoadError(
                f"no memory for inputs of {self.sequence_tokens} tokens",
                hint="serve with a smaller --ctx, or close other programs",
            )
        return pointer

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
            self._model.release_context()

    def set_threads(self, num_threads: int) -> None:
        """Threads from the next forward on."""
        llama_cpp.llama_set_n_threads(self.pointer, num_threads, num_threads)

    def forward(self, inputs: Sequence[Sequence[int]]) -> list[Vector]:
        """One array per input, in their order: shape (size,), or (num_tokens, size) without pooling. Raw values.

        Blocks; releases the GIL meanwhile. Raises ForwardError for what llama.cpp would not survive, and when it fails.
        """
        self._check(inputs)
        if sum(map(len, inputs)) > self._capacity:
            return [self._in_pieces(tokens) for tokens in inputs]
        self._clear()
        self._batch.clear()
        for slot, tokens in enumerate(inputs):
            self._batch.add(tokens, 0, slot, wants_logits=True, num_logits=len(tokens))
        self._compute()
        if self.pooling == "none":
            ends = np.cumsum([len(tokens) for tokens in inputs])
            return [self._rows(end - len(tokens), end) for tokens, end in zip(inputs, ends, strict=True)]
        return [self._pooled(slot) for slot in range(len(inputs))]

    def _check(self, inputs: Sequence[Sequence[int]]) -> None:
        if not inputs or len(inputs) > self.max_inputs:
            raise ForwardError(f"{len(inputs)} inputs do not fit a forward of 1 to {self.max_inputs}")
        for tokens in inputs:
            if not 0 < len(tokens) <= self.sequence_tokens:
                raise ForwardError(f"an input of {len(tokens)} tokens does not fit {self.sequence_tokens}")
            if min(tokens) < 0 or max(tokens) >= self._model.vocab_size:
                raise ForwardError(f"an input holds a token id outside the vocabulary of {self._model.vocab_size}")
        if not self._computes_pieces and sum(map(len, inputs)) > self._capacity:
            raise ForwardError(f"{sum(map(len, inputs))} tokens do not fit a forward of {self._capacity}")

    def _in_pieces(self, tokens: Sequence[int]) -> Vector:
        """A causal model's vector of an input longer than a forward: what is seen already stays in the KV cache."""
        self._clear()
        pieces: list[tuple[int, Vector]] = []
        for start in range(0, len(tokens), self._capacity):
            piece = tokens[start : start + self._capacity]
            self._batch.clear()
            self._batch.add(piece, start, 0, wants_logits=True, num_logits=len(piece))
            self._compute()
            pieces.append((len(piece), self._rows(0, len(piece)) if self.pooling == "none" else self._pooled(0)))
        return _JOIN[self.pooling](pieces)

    def _compute(self) -> None:
        native = llama_cpp.llama_encode if self._takes_encode else llama_cpp.llama_decode
        code = native(self.pointer, self._batch.struct)
        if code != 0:
            causes = {1: "no free KV cells", 2: "aborted", -1: "an invalid batch"}
            raise ForwardError(f"{native.__name__} failed: {causes.get(code, f'code {code}')}")
        llama_cpp.llama_synchronize(self.pointer)

    def _clear(self) -> None:
        if self._memory:
            llama_cpp.llama_memory_clear(self._memory, False)

    def _pooled(self, slot: int) -> Vector:
        return self._copied(llama_cpp.llama_get_embeddings_seq(self.pointer, slot))

    def _rows(self, start: int, end: int) -> Vector:
        return np.stack(
            [self._copied(llama_cpp.llama_get_embeddings_ith(self.pointer, row)) for row in range(start, end)]
        )

    def _copied(self, pointer: Any) -> Vector:
        if not pointer:
            raise ForwardError("the model gave no embedding")
        values = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(values, shape=(self.size,)).copy()


def _takes_encode(model: NativeModel) -> bool:
    """Whether the model has an encoder only. llama_encode on a model without one is a null pointer's end.

    Raises ModelLoadError for encoder-decoder models: which side's vectors would be meant is not defined.
    """
    has_encoder = bool(llama_cpp.llama_model_has_encoder(model.pointer))
    if has_encoder and llama_cpp.llama_model_has_decoder(model.pointer):
        raise ModelLoadError(
            "encoder-decoder models give no embeddings", hint="serve an embedding model, such as a BERT"
        )
    return has_encoder


def _join_mean(pieces: list[tuple[int, Vector]]) -> Vector:
    lengths = np.array([length for length, _ in pieces], np.float32)
    return np.asarray(lengths / lengths.sum() @ np.stack([vector for _, vector in pieces]), np.float32)


_JOIN: dict[Pooling, Callable[[list[tuple[int, Vector]]], Vector]] = {
    "none": lambda pieces: np.concatenate([rows for _, rows in pieces]),
    "mean": _join_mean,
    "cls": lambda pieces: pieces[0][1],
    "last": lambda pieces: pieces[-1][1],
    "rank": lambda pieces: pieces[-1][1],
}
"""From the vectors of consecutive pieces, with their lengths in tokens, to the one of the whole input."""
