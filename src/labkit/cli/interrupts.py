"""Ctrl-C while labkit is still importing: nothing is to be cleaned up, so the process just ends."""

import contextlib
import signal
from collections.abc import Generator


@contextlib.contextmanager
def interrupts_end_at_once() -> Generator[None, None, None]:
    """Let SIGINT end the process inside the block, as any shell tool does.

    Python would raise KeyboardInterrupt from the middle of an import: a traceback for the user or, when a weak
    reference's callback happens to run, a Ctrl-C that is swallowed.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # ignored by whoever started us, or handled by a program that calls us
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
