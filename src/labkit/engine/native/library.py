"""Loads the native library once, sends its log lines to Python's logging, and refuses what it would take in silence."""

import ctypes
import functools
import logging
import os
from typing import Any

import llama_cpp

from labkit.errors import NativeError

logger = logging.getLogger("labkit.native")

# llama.cpp's levels; 5 continues the line before.
_LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.WARNING, 4: logging.ERROR, 5: logging.DEBUG}
_forked = False


@llama_cpp.llama_log_callback
def _log(level: int, text: bytes, _user_data: Any) -> None:
    # llama.cpp calls this from any thread for as long as the process lives: the module keeps it referenced.
    line = text.decode(errors="replace").rstrip()
    if line:
        logger.log(_LEVELS.get(level, logging.DEBUG), "%s", line)


@functools.cache
def initialize() -> None:
    """Start the backends; safe to call often."""
    llama_cpp.llama_log_set(_log, ctypes.c_void_p(None))
    llama_cpp.llama_backend_init()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_note_fork)


def _note_fork() -> None:
    global _forked
    _forked = True


def refuse_after_fork() -> None:
    """Raise NativeError in a child made by fork: OpenMP's threads did not come along, and a forward would hang."""
    if _forked:
        raise NativeError(
            "this process was forked after the native core had started",
            hint="start it with multiprocessing's 'spawn' method, or load the model in the child",
        )


def set_params(params: ctypes.Structure, **values: Any) -> None:
    """Set fields of one of llama.cpp's parameter structs.

    Raises NativeError for a field that the struct does not have: ctypes would keep it as a Python attribute, and
    llama.cpp would never see it. Raises NativeError for an integer that the field would cut off.
    """
    kinds = {name: kind for name, kind, *_ in params._fields_}
    for name, value in values.items():
        if name not in kinds:
            raise NativeError(
                f"{type(params).__name__} has no field '{name}'", hint="is the native core of this version?"
            )
        setattr(params, name, value)
        if isinstance(value, int) and getattr(params, name) != value:
            raise NativeError(f"{value} does not fit the field '{name}' of {type(params).__name__}")


def build() -> str:
    """What tells this native library from any other: its version, and the CPU and device features it uses."""
    initialize()
    return f"{llama_cpp.__version__} {llama_cpp.llama_print_system_info().decode(errors='replace')}"


def has_accelerator() -> bool:
    """Whether this native library can put layers on something other than the processor."""
    initialize()
    return bool(llama_cpp.llama_supports_gpu_offload())
