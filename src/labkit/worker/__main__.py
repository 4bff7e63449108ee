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
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from labkit.engine.native.backend import NativeBackend
from labkit.engine.types import EngineConfig
from labkit.errors import LabkitError
from labkit.worker.messages import Cancel, FromWorker, Generate, LoadFailed
from labkit.worker.session import Session
from labkit.worker.wire import HEADER, body_length, describe_error, pack, unpack

logger = logging.getLogger("labkit.worker")

_PR_SET_PDEATHSIG = 1
LOAD_FAILED = 65
ENGINE_FAILED = 70


def main() -> int:
    """Load, announce, answer until stdin ends. Returns the exit code."""
    arguments = _arguments()
    logging.basicConfig(
        level=os.environ.get("LABKIT_LOG_LEVEL", "WARNING").upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    frames_in, frames_out = _claim_pipes()
    _follow_the_front()
    send = _sender(frames_out)
    try:
        backend = NativeBackend(arguments.model, _config(arguments))
        session = Session(backend, send, max_waiting=arguments.max_waiting, pid=os.getpid())
    except LabkitError as error:
        send(LoadFailed(describe_error(error)))
        return LOAD_FAILED
    gc.freeze()  # what is loaded stays; collections need not look at it again
    session.start()
    closing = threading.Event()
    _watch(session, closing)
    _serve(session, frames_in)
    closing.set()
    session.close()
    return 0


def _serve(session: Session, frames: BinaryIO) -> None:
    while header := frames.read(HEADER.size):
        if len(header) < HEADER.size:
            return
        message = unpack(frames.read(body_length(header)))
        if isinstance(message, Generate):
            session.generate(message)
        elif isinstance(message, Cancel):
            session.cancel(message.request_id)
        else:
            return


def _watch(session: Session, closing: threading.Event) -> None:
    """Leave with an error when the engine's loop ends by itself: the front then starts a fresh worker."""

    def watch() -> None:
        while session.is_alive:
            time.sleep(0.25)
        if not closing.is_set():
            os._exit(ENGINE_FAILED)

    threading.Thread(target=watch, name="labkit-watch", daemon=True).start()


def _sender(frames: BinaryIO) -> Callable[[FromWorker], None]:
    lock = threading.Lock()  # a frame must not be torn: the engine, the pulse and the reader all send

    def send(message: FromWorker) -> None:
        data = pack(message)
        with lock:
            try:
                frames.write(data)
                frames.flush()
            except (BrokenPipeError, ValueError):
                os._exit(0)  # the front is gone, and nobody is left to answer

    return send


def _claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for frames, and point stdout at stderr for any library that prints."""
    frames_in = os.fdopen(os.dup(0), "rb")
    frames_out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return frames_in, frames_out


def _follow_the_front() -> None:
    # A terminal's Ctrl-C reaches the whole process group; the front decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _arguments() -> argparse.Namespace:
    defaults = EngineConfig()
    parser = argparse.ArgumentParser(prog="python -m labkit.worker", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--ctx", type=int, default=defaults.context_tokens)
    parser.add_argument("--slots", type=int, default=defaults.num_slots)
    parser.add_argument("--threads", type=int, default=defaults.num_threads)
    parser.add_argument("--batch", type=int, default=defaults.batch_tokens)
    parser.add_argument("--ubatch", type=int, default=defaults.ubatch_tokens)
    parser.add_argument("--gpu-layers", type=int, default=defaults.gpu_layers)
    parser.add_argument("--max-waiting", type=int, default=defaults.max_waiting)
    return parser.parse_args()


def _config(arguments: argparse.Namespace) -> EngineConfig:
    return EngineConfig(
        context_tokens=arguments.ctx,
        num_slots=arguments.slots,
        batch_tokens=arguments.batch,
        ubatch_tokens=arguments.ubatch,
        num_threads=arguments.threads,
        max_waiting=arguments.max_waiting,
        gpu_layers=arguments.gpu_layers,
    )


if __name__ == "__main__":
    sys.exit(main())
