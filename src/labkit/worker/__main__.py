"""`python -m labkit.worker MODEL.gguf`: frames on stdin and stdout, log lines on stderr.

Started by the front only. The worker leaves when its stdin ends, so it never outlives the front.
"""

import argparse
import ctypes
import gc
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from labkit.errors import LabkitError
from labkit.worker.embedding_session import EmbeddingSession
from labkit.worker.loading import open_session
from labkit.worker.log_lines import write_log_lines
from labkit.worker.messages import Cancel, Complete, Embed, Generate, LoadFailed, Question, Rerank
from labkit.worker.options import add_options, config_of
from labkit.worker.outbox import Outbox
from labkit.worker.session import Session
from labkit.worker.wire import HEADER, body_length, describe_error, unpack

logger = logging.getLogger("labkit.worker")

_PR_SET_PDEATHSIG = 1
LOAD_FAILED = 65
ENGINE_FAILED = 70
SWITCH_SECONDS = 0.001
"""How long a thread that renders or writes may hold the interpreter while the engine waits for it (Python's: 5 ms)."""


def main() -> int:
    """Load, announce, answer until stdin ends. Returns the exit code."""
    arguments = _arguments()
    write_log_lines()
    sys.setswitchinterval(SWITCH_SECONDS)
    frames_in, frames_out = _claim_pipes()
    _follow_the_front()
    _leave_no_core()
    outbox = Outbox(frames_out)
    outbox.start()
    config = config_of(arguments)
    try:
        session = open_session(arguments.model, config, outbox, pid=os.getpid())
        session.start(dict(arguments.adapter))
    except LabkitError as error:
        outbox.put(LoadFailed(describe_error(error)))
        outbox.close()
        return LOAD_FAILED
    gc.collect()
    gc.freeze()  # what is loaded stays; collections need not look at it again
    closing = threading.Event()
    _watch(session, closing)
    _serve(session, frames_in)
    closing.set()
    session.close()
    return 0


def _serve(session: Session | EmbeddingSession, frames: BinaryIO) -> None:
    while header := frames.read(HEADER.size):
        if len(header) < HEADER.size:
            return
        message = unpack(frames.read(body_length(header)))
        if isinstance(message, (Generate, Complete)):
            session.generate(message)
        elif isinstance(message, Question):
            session.ask(message)
        elif isinstance(message, (Embed, Rerank)):
            session.embed(message)
        elif isinstance(message, Cancel):
            session.cancel(message.request_id)
        else:
            return


def _watch(session: Session | EmbeddingSession, closing: threading.Event) -> None:
    """Leave with an error when the engine's loop ends by itself: the front then starts a fresh worker."""

    def watch() -> None:
        while session.is_alive:
            time.sleep(0.25)
        if not closing.is_set():
            os._exit(ENGINE_FAILED)

    threading.Thread(target=watch, name="labkit-watch", daemon=True).start()


def _claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for frames, and point stdout at stderr for any library that prints."""
    frames_in = os.fdopen(os.dup(0), "rb")
    frames_out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return frames_in, frames_out


def _leave_no_core() -> None:
    """A crash must not write what clients sent, and gigabytes of weights, into a file."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _follow_the_front() -> None:
    # A terminal's Ctrl-C reaches the whole process group; the front decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m labkit.worker", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--adapter", type=_adapter, action="append", default=[], metavar="NAME=PATH")
    add_options(parser)
    return parser.parse_args()


def _adapter(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    return name, Path(path)


if __name__ == "__main__":
    sys.exit(main())
