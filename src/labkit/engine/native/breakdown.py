"""What a context of llama.cpp takes of each memory, in bytes, from its own accounting.

`llama_get_memory_breakdown` (src/llama-ext.h) returns a C++ map by value, which no binding covers: its tree is walked
here as libstdc++ (Linux) and libc++ (macOS) lay it out. For a process that may die: see `labkit.engine.native.size`.
"""

import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import llama_cpp

from labkit.engine.native.describe import Functions, device_kind
from labkit.errors import NativeError

_SYMBOL = "_Z26llama_get_memory_breakdownPK13llama_context"
_MOST_MEMORIES = 256
"""More buffer types than this are no map: the layout was misread."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What one kind of buffer takes.

    Attributes:
        memory: llama.cpp's name of the buffer type ("CPU", "CUDA0", "CPU_REPACK", "CUDA_Host").
        device: name of the device it belongs to, "CPU" for all of system memory.
        kind: of the device: cpu, gpu, igpu, accel.
        model_bytes: weights.
        context_bytes: KV cache and recurrent state.
        compute_bytes: buffer of the largest graph.
    """

    memory: str
    device: str
    kind: str
    model_bytes: int
    context_bytes: int
    compute_bytes: int


class _Map(ctypes.Structure):
    """A std::map<key, {size_t model, context, compute}> of libstdc++, as it is returned."""

    _fields_ = [
        ("compare", ctypes.c_void_p),
        ("color", ctypes.c_void_p),
        ("root", ctypes.c_void_p),
        ("leftmost", ctypes.c_void_p),
        ("rightmost", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
    ]


class _Node(ctypes.Structure):
    _fields_ = [
        ("color", ctypes.c_void_p),
        ("parent", ctypes.c_void_p),
        ("left", ctypes.c_void_p),
        ("right", ctypes.c_void_p),
        ("key", ctypes.c_void_p),
        ("model", ctypes.c_size_t),
        ("context", ctypes.c_size_t),
        ("compute", ctypes.c_size_t),
    ]


class _MapOfLibcxx(ctypes.Structure):
    _fields_ = [("leftmost", ctypes.c_void_p), ("root", ctypes.c_void_p), ("count", ctypes.c_size_t)]


class _NodeOfLibcxx(ctypes.Structure):
    _fields_ = [
        ("left", ctypes.c_void_p),
        ("right", ctypes.c_void_p),
        ("parent", ctypes.c_void_p),
        ("is_black", ctypes.c_void_p),
        ("key", ctypes.c_void_p),
        ("model", ctypes.c_size_t),
        ("context", ctypes.c_size_t),
        ("compute", ctypes.c_size_t),
    ]


_LAYOUTS: dict[str, tuple[Any, Any]] = {"linux": (_Map, _Node), "darwin": (_MapOfLibcxx, _NodeOfLibcxx)}


def memory_breakdown(context: Any) -> tuple[MemoryUse, ...]:
    """What the native `context` takes, by buffer type. Leaks some hundred bytes.

    Raises NativeError where this build cannot be asked (another C++ library, or no such function).
    """
    layout = _LAYOUTS.get(sys.platform)
    ask = getattr(llama_cpp.llama_cpp._lib, _SYMBOL, None)
    if layout is None or ask is None:
        raise NativeError("this build of the native core does not say what memory it takes")
    ask.restype, ask.argtypes = layout[0], (ctypes.c_void_p,)
    functions = Functions(llama_cpp)
    return tuple(_use(functions, node) for node in _nodes(ask(context), layout[1]))


def _nodes(tree: Any, node_type: Any) -> Iterator[Any]:
    if tree.count > _MOST_MEMORIES:
        raise NativeError("the native core's memory breakdown is laid out in another way than expected")
    waiting, seen = [tree.root], 0
    while waiting and seen < tree.count:
        address = waiting.pop()
        if address:
            node = node_type.from_address(address)
            seen += 1
            waiting += [node.left, node.right]
            yield node


def _use(functions: Functions, node: Any) -> MemoryUse:
    memory = functions.text("ggml_backend_buft_name", node.key) or "unknown"
    is_host = functions.find("ggml_backend_buft_is_host", ctypes.c_bool, ctypes.c_void_p)
    device_of = functions.find("ggml_backend_buft_get_device", ctypes.c_void_p, ctypes.c_void_p)
    device = device_of(node.key) if device_of else None
    kind = "cpu" if device is None else device_kind(functions, device)
    in_ram = kind == "cpu" or bool(is_host and is_host(node.key))
    return MemoryUse(
        memory=memory,
        device="CPU" if in_ram else functions.text("ggml_backend_dev_name", device) or "unknown",
        kind="cpu" if in_ram else kind,
        model_bytes=node.model,
        context_bytes=node.context,
        compute_bytes=node.compute,
    )
