"""What a worker has to say, written in order by a thread of its own.

The engine's loop puts down its events and goes on: translating and writing them happens beside the next forward,
which does not hold the interpreter. When the writer is behind, the news of several steps becomes one message.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import BinaryIO

from labkit.engine.types import TokenEvent
from labkit.worker.merging import merged
from labkit.worker.messages import Delta, FromWorker, Step
from labkit.worker.wire import pack

logger = logging.getLogger(__name__)

WRITER_FAILED = 71
Translate = Callable[[list[TokenEvent]], list[Delta]]


def _nothing(_: list[TokenEvent]) -> list[Delta]:
    return []


class Outbox:
    """Messages and events for the front. `put` may be called from any thread and does not block.

    Nothing bounds what waits here but the engine's own limits: a front that does not read is killed or gone soon.
    """

    def __init__(self, frames: BinaryIO) -> None:
        self._frames = frames
        self._queue: queue.SimpleQueue[FromWorker | list[TokenEvent] | None] = queue.SimpleQueue()
        self.translate: Translate = _nothing
        """What a step's events mean; called from the writing thread alone."""
        self._thread = threading.Thread(target=self._run, name="labkit-outbox", daemon=True)

    def start(self) -> None:
        """Start writing."""
        self._thread.start()

    def put(self, item: FromWorker | list[TokenEvent]) -> None:
        """Send a message, or the news of one step."""
        self._queue.put(item)

    def close(self) -> None:
        """Write what is there; returns when it is written."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._write(self._waiting()):
                pass
        except (BrokenPipeError, ValueError):
            os._exit(0)  # the front is gone, and nobody is left to answer
        except Exception:
            logger.exception("the worker cannot say what the engine did")
            os._exit(WRITER_FAILED)  # the front ends every request with an error, and starts a fresh worker

    def _waiting(self) -> list[FromWorker | list[TokenEvent] | None]:
        """Everything there is to say now; waits for the first."""
        items = [self._queue.get()]
        try:
            while True:
                items.append(self._queue.get_nowait())
        except queue.Empty:
            return items

    def _write(self, items: list[FromWorker | list[TokenEvent] | None]) -> bool:
        """Write them in order, in one go. False when the last one was said."""
        frames: list[bytes] = []
        news: list[Delta] = []
        for item in items:
            if isinstance(item, list):
                news += self.translate(item)
                continue
            if news:
                frames.append(pack(Step(tuple(merged(news)))))
                news = []
            if item is not None:
                frames.append(pack(item))
        if news:
            frames.append(pack(Step(tuple(merged(news)))))
        self._frames.write(b"".join(frames))
        self._frames.flush()
        return None not in items
