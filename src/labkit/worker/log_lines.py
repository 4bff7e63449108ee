"""A worker's words on stderr, which the front keeps in a file: without prompts, also when something breaks."""

import logging
import os
import sys
import threading

from labkit.access.redaction import SafeFormatter

_logger = logging.getLogger("labkit.worker")


def write_log_lines() -> None:
    """Send log records and uncaught exceptions to stderr, each in its safe form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(SafeFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=os.environ.get("LABKIT_LOG_LEVEL", "WARNING").upper(), handlers=[handler])
    sys.excepthook = lambda kind, error, trace: _logger.critical("the worker ends", exc_info=(kind, error, trace))
    threading.excepthook = _on_thread_error


def _on_thread_error(arguments: threading.ExceptHookArgs) -> None:
    name = arguments.thread.name if arguments.thread else "?"
    error = arguments.exc_value
    if error is not None:
        _logger.critical("the thread %s ends", name, exc_info=(type(error), error, arguments.exc_traceback))
