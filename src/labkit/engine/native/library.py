"""Loads the native library once and sends its log lines to Python's logging."""

import ctypes
import functools
import logging
from typing import Any

import llama_cpp

logger = logging.getLogger("labkit.native")

# llama.cpp's levels; 5 continues the line before.
_LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.WARNING, 4: logging.ERROR, 5: logging.DEBUG}


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
