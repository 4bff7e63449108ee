"""What a running forward shows of itself, and how it is ended early."""

import ctypes
import ctypes.util
import sys
from typing import Any

import llama_cpp

_SEMAPHORE_BYTES = 64
_FULL = 0x7FFFFFFF
"""SEM_VALUE_MAX: a semaphore that stands there refuses another post."""


class InterruptFlag:
    """A number that llama.cpp raises after every graph node, and that any thread may set so high that it stops.

    The abort callback is a function of the C library itself: `sem_post`, which adds one to the number in front of a
    semaphore and returns 0 (go on), or fails when that is at its limit (stop). Where that does not work so, it is
    strlen over a one-character string: it stops as well, and counts nothing. A Python callback would take the GIL
    several hundred times per forward, some percent of a decode step (benchmarks/native_calls.py), and an exception in
    it would look like a request to stop.
    """

    def __init__(self) -> None:
        self._memory = ctypes.create_string_buffer(_SEMAPHORE_BYTES)
        self._number = ctypes.c_uint32.from_buffer(self._memory)
        library: Any = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
        self.counts = _can_count(library)
        """Whether `num_nodes` moves while a forward runs."""
        function = library.sem_post if self.counts else library.strlen
        self._stop = _FULL if self.counts else 1
        self._callback = ctypes.cast(function, llama_cpp.ggml_abort_callback)

    def install(self, context: Any) -> None:
        """Let `context`, a native handle, look at the flag. Keep this object for as long as the context lives."""
        llama_cpp.llama_set_abort_callback(context, self._callback, ctypes.addressof(self._memory))  # pyright: ignore

    @property
    def num_nodes(self) -> int:
        """Graph nodes that the running or last forward has computed. Any thread may ask."""
        return self._number.value if self.counts else 0

    def set(self) -> None:
        """End the running forward at its next graph node."""
        self._number.value = self._stop

    def clear(self) -> None:
        """Let the next forward run."""
        self._number.value = 0


def _can_count(library: Any) -> bool:
    """Whether `sem_post` does what is expected of it, tried on a semaphore made of zeros."""
    if sys.platform != "linux" or sys.byteorder != "little" or not hasattr(library, "sem_post"):
        return False
    memory = ctypes.create_string_buffer(_SEMAPHORE_BYTES)
    number = ctypes.c_uint32.from_buffer(memory)
    if library.sem_post(memory) != 0 or number.value != 1:
        return False
    number.value = _FULL
    return library.sem_post(memory) != 0 and number.value == _FULL
