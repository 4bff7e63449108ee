"""Sizes a GGUF file and contexts of it without allocating them: llama.cpp's own accounting (`no_alloc`)."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import llama_cpp

from labkit.engine.native import library
from labkit.engine.native.breakdown import MemoryUse, memory_breakdown
from labkit.engine.native.describe import Functions
from labkit.errors import ModelLoadError

CPU = "CPU"
FlashAttention = Literal["auto", "on", "off"]

_FLASH: dict[FlashAttention, int] = {"auto": -1, "off": 0, "on": 1}  # llama.h, enum llama_flash_attn_type
_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "bf16": 30}  # enum ggml_type


@dataclass(frozen=True, slots=True)
class PlacementSettings:
    """Where the weights go.

    Attributes:
        gpu_layers: the last so many layers, the head counted as one; -1 for all.
        overrides: (pattern of tensor names, device) pairs for tensors that go elsewhere; "CPU" is system memory.
        tensor_split: shares of the devices, in their order; () splits by free memory.
    """

    gpu_layers: int = -1
    overrides: tuple[tuple[str, str], ...] = ()
    tensor_split: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ContextSize:
    """How a context is made, with llama.cpp's names where it has them.

    Attributes:
        value_type: of V; None stores it as K, and as f16 without flash attention.
        max_outputs: rows of logits of one micro-batch (`n_outputs_max`), at least num_sequences; None for all.
        embeddings: the context gives vectors.
    """

    context_tokens: int
    num_sequences: int = 1
    ubatch_tokens: int = 512
    flash_attention: FlashAttention = "auto"
    kv_type: str = "f16"
    value_type: str | None = None
    unified: bool = True
    full_window_cache: bool = False
    max_outputs: int | None = None
    embeddings: bool = False


class SizedModel:
    """A model whose weights were counted and not loaded. Close it."""

    def __init__(self, path: Path, placement: PlacementSettings | None = None) -> None:
        """Read the header of `path`. Blocks; raises ModelLoadError when llama.cpp refuses the file."""
        library.initialize()
        self._placement = placement or PlacementSettings()
        params = llama_cpp.llama_model_default_params()
        # What ctypes only points to must outlive the call.
        self._overrides = _overrides(self._placement.overrides)
        self._split = _split(self._placement.tensor_split)
        library.set_params(
            params,
            n_gpu_layers=self._placement.gpu_layers,
            load_mode=llama_cpp.LLAMA_LOAD_MODE_NONE,
            no_alloc=True,
        )
        if self._overrides is not None:
            library.set_params(params, tensor_buft_overrides=ctypes.cast(self._overrides, ctypes.c_void_p))
        if self._split is not None:
            library.set_params(params, tensor_split=ctypes.cast(self._split, ctypes.POINTER(ctypes.c_float)))
        self._pointer: Any = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self._pointer:
            raise ModelLoadError(f"llama.cpp cannot read {path.name}")

    def size(self, context: ContextSize) -> tuple[MemoryUse, ...]:
        """What model and context take, by buffer type. Raises ModelLoadError for settings llama.cpp refuses."""
        params = llama_cpp.llama_context_default_params()
        same = context.kv_type if context.flash_attention != "off" else "f16"
        outputs = 0 if context.max_outputs is None else max(context.max_outputs, context.num_sequences)
        batch = max(context.ubatch_tokens, context.num_sequences)
        library.set_params(
            params,
            n_ctx=context.context_tokens,
            n_batch=min(batch, context.context_tokens),
            n_ubatch=min(context.ubatch_tokens, context.context_tokens),
            n_seq_max=context.num_sequences,
            n_outputs_max=outputs,
            flash_attn_type=_FLASH[context.flash_attention],
            type_k=_TYPES[context.kv_type],
            type_v=_TYPES[context.value_type or same],
            swa_full=context.full_window_cache,
            kv_unified=context.unified,
            embeddings=context.embeddings,
            no_perf=True,
        )
        pointer = llama_cpp.llama_init_from_model(self._pointer, params)
        if not pointer:
            raise ModelLoadError(f"llama.cpp refuses a context of {context.context_tokens} tokens with these settings")
        try:
            return memory_breakdown(pointer)
        finally:
            llama_cpp.llama_free(pointer)

    def close(self) -> None:
        """Free it; harmless when called twice."""
        pointer, self._pointer = self._pointer, None
        if pointer:
            llama_cpp.llama_model_free(pointer)


class _Override(ctypes.Structure):
    """llama.h, struct llama_model_tensor_buft_override; an empty pattern ends the list."""

    _fields_ = [("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p)]


def _overrides(wanted: Sequence[tuple[str, str]]) -> Any:
    if not wanted:
        return None
    found = [_Override(pattern.encode(), _buffer_type(device)) for pattern, device in wanted]
    return (_Override * (len(found) + 1))(*found, _Override(None, None))


def _buffer_type(device: str) -> int:
    functions = Functions(llama_cpp)
    if device == CPU:
        return functions.find("ggml_backend_cpu_buffer_type", ctypes.c_void_p)()
    found = functions.find("ggml_backend_dev_by_name", ctypes.c_void_p, ctypes.c_char_p)(device.encode())
    if not found:
        raise ModelLoadError(f"there is no device {device}")
    return functions.find("ggml_backend_dev_buffer_type", ctypes.c_void_p, ctypes.c_void_p)(found)


def _split(shares: Sequence[float]) -> Any:
    if not shares:
        return None
    count = max(llama_cpp.llama_max_devices(), len(shares))
    return (ctypes.c_float * count)(*shares)
