"""The flag that ends a running forward early."""

import ctypes
import ctypes.util
import sys
from typing import Any

import llama_cpp


class InterruptFlag:
    """A byte that llama.cpp looks at after every graph node. Any thread may set it.

    The abort callback is the C library's own strlen over a one-character string: 0 for an empty one, which goes on, and
    1, which stops. A Python callback would take the GIL several hundred times per forward, some percent of a
    decode step (benchmarks/native_calls.py), and an exception in it would look like a request to stop.
    """

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(2)
        library: Any = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
        self._callback = ctypes.cast(library.strlen, llama_cpp.ggml_abort_callback)

    def install(self, context: Any) -> None:
        """Let `context`, a native handle, look at the flag. Keep this object for as long as the context lives."""
        llama_cpp.llama_set_abort_callback(context, self._callback, ctypes.addressof(self._text))  # pyright: ignore

    def set(self) -> None:
        """End the running forward at its next graph node."""
        self._text[0] = b"\x01"

    def clear(self) -> None:
        """Let the next forward run."""
        self._text[0] = b"\x00"
