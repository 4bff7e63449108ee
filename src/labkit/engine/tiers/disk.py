"""The third tier: states in a folder, written and evicted by a thread of its own."""

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from labkit.engine.tiers.folder import StateFolder
from labkit.engine.tiers.record import (
    HEADER_BYTES,
    InvalidRecordError,
    RecordHeader,
    read_header,
    read_state,
    record_key,
    render_header,
)

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 60.0
_PART_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WriteJob:
    """One state to be written."""

    identity: bytes
    tokens: bytes
    state: bytes

    @property
    def key(self) -> str:
        """Name of the file."""
        return record_key(self.identity, self.tokens)

    @property
    def size_bytes(self) -> int:
        """Bytes of the file."""
        return HEADER_BYTES + len(self.tokens) + len(self.state)


@dataclass(frozen=True, slots=True)
class Found:
    """A whole record lies in the folder: just written, or by another process or an earlier run."""

    header: RecordHeader


@dataclass(frozen=True, slots=True)
class Gone:
    """The file of this key was evicted, or deleted by another process."""

    key: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is damaged, cut, foreign or of another version; it was deleted."""

    key: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A write is over; `error` tells why it failed."""

    key: str
    error: str | None = None


News = Found | Gone | Refused | Finished


class DiskTier:
    """Bounded, best effort: whatever the disk does, a caller sees at worst a state that is not there.

    The loop calls the public methods. The thread owns `_known`, `_used_bytes` and `_is_prepared` from `start` on; the
    two talk by the two queues alone.
    """

    def __init__(
        self,
        folder: StateFolder,
        budget_bytes: int,
        *,
        queue_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget_bytes = budget_bytes
        self._folder = folder
        self._queue_bytes = queue_bytes
        self._clock = clock
        self.writing_bytes = 0
        self._paused_until: float | None = None
        self._writing: dict[str, WriteJob] = {}
        self._jobs: queue.SimpleQueue[WriteJob | str | None] = queue.SimpleQueue()
        self._news: deque[News] = deque()
        self._known: set[str] = set()
        self._used_bytes = 0
        self._is_prepared = False
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name="labkit-disk-tier", daemon=True)

    def start(self) -> None:
        """Read the headers of all files (`news` has them then) and start the thread. Blocks on the disk."""
        try:
            self._prepare()
        except OSError as error:
            self._pause(str(error))
        self._thread.start()

    @property
    def is_paused(self) -> bool:
        """Whether the disk has failed lately."""
        return self._paused_until is not None

    def write(self, job: WriteJob, *, is_last_chance: bool = False) -> bool:
        """Have a state written; returns at once. False when it will not be: paused, queue full, or too large.

        With `is_last_chance` the queue takes it in any case: at the end there is nothing that has to go on.
        """
        if job.key in self._writing:
            return True
        if self._paused_until is not None:
            if self._clock() < self._paused_until:
                return False
            self._paused_until = None
            logger.info("the disk cache tries again")
        if job.size_bytes > self.budget_bytes or (self._writing and not is_last_chance and self._is_full(job)):
            return False
        self._writing[job.key] = job
        self.writing_bytes += job.size_bytes
        self._jobs.put(job)
        return True

    def delete(self, key: str) -> None:
        """Have a file deleted; returns at once."""
        self._jobs.put(key)

    def is_waiting(self, key: str) -> bool:
        """Whether a state waits to be written, or is being written."""
        return key in self._writing

    def waiting_state(self, key: str) -> bytes | None:
        """A state whose write is not over yet."""
        job = self._writing.get(key)
        return job.state if job else None

    def read(self, key: str, identity: bytes, tokens: bytes) -> bytes | None:
        """The state, if the file is whole and is of just these tokens; None otherwise. Blocks on the disk."""
        try:
            file, file_bytes = self._folder.open(key)
            with file:
                header = read_header(file, file_bytes)
                if header.identity != identity or header.tokens != tokens:
                    raise InvalidRecordError("the state of something else")
                state = read_state(file, header)
            self.touch(key)
        except InvalidRecordError as error:
            self._refuse(key, error)
            return None
        except (OSError, MemoryError) as error:
            logger.debug("disk cache: %s", error)
            return None
        return state

    def touch(self, key: str) -> None:
        """Mark a file as used now."""
        with contextlib.suppress(OSError):
            self._folder.touch(key)

    def news(self) -> Iterator[News]:
        """What has happened since the last call."""
        while self._news:
            event = self._news.popleft()
            if isinstance(event, Finished):
                self.writing_bytes -= self._writing.pop(event.key).size_bytes
                if event.error:
                    self._pause(event.error)
            yield event

    def close(self, wait_seconds: float) -> None:
        """Write what waits, for this long at most, and end the thread."""
        self._jobs.put(None)
        self._thread.join(wait_seconds)
        self._abandoned.set()
        self._thread.join()

    def _is_full(self, job: WriteJob) -> bool:
        return self.writing_bytes + job.size_bytes > self._queue_bytes

    def _pause(self, cause: str) -> None:
        if self._paused_until is None:
            logger.warning("the disk cache pauses for %.0f s: %s", PAUSE_SECONDS, cause)
        self._paused_until = self._clock() + PAUSE_SECONDS

    def _refuse(self, key: str, error: InvalidRecordError) -> None:
        logger.warning("the disk cache drops %s: %s", key[:12], error)
        with contextlib.suppress(OSError):
            self._folder.delete(key)
        self._news.append(Refused(key))

    def _prepare(self) -> None:
        if not self._is_prepared:
            self._folder.prepare()
            self._scan()
            self._is_prepared = True

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if isinstance(job, str):
                self._forget(job)
            else:
                self._news.append(Finished(job.key, self._write(job)))

    def _write(self, job: WriteJob) -> str | None:
        """Make room and write. The cause when that fails."""
        try:
            self._prepare()
            if self._used_bytes + job.size_bytes > self.budget_bytes:
                self._scan(room_bytes=job.size_bytes)
            header = render_header(job.identity, job.tokens, job.state)
            self._folder.write(job.key, self._parts(header, job.state))
        except OSError as error:
            return str(error)
        self._known.add(job.key)
        self._used_bytes += job.size_bytes
        self._news.append(Found(RecordHeader(job.identity, job.tokens, len(job.state), b"")))
        return None

    def _parts(self, header: bytes, state: bytes) -> Iterator[bytes]:
        yield header
        for start in range(0, len(state), _PART_BYTES):
            if self._abandoned.is_set():
                raise InterruptedError("closed in the middle of a write")
            yield state[start : start + _PART_BYTES]

    def _scan(self, room_bytes: int = 0) -> None:
        """Look at the folder anew, and delete the least recently used until `room_bytes` more fit the budget.

        Other processes add and delete here too, so the folder itself is the truth.
        """
        files = self._folder.files()
        total = sum(file.size_bytes for file in files)
        limit = self.budget_bytes - room_bytes - (self.budget_bytes // 20 if room_bytes else 0)
        names = {file.key for file in files}
        for key in self._known - names:
            self._known.discard(key)
            self._news.append(Gone(key))
        for file in files:
            if total > max(limit, 0):
                total -= file.size_bytes
                self._forget(file.key)
            elif file.key not in self._known:
                total -= 0 if self._learn(file.key) else file.size_bytes
        self._used_bytes = total

    def _learn(self, key: str) -> bool:
        try:
            file, file_bytes = self._folder.open(key)
            with file:
                header = read_header(file, file_bytes)
            if header.key != key:
                raise InvalidRecordError("a name that does not fit the content")
        except InvalidRecordError as error:
            self._refuse(key, error)
            return False
        except OSError:
            return False
        self._known.add(key)
        self._news.append(Found(header))
        return True

    def _forget(self, key: str) -> None:
        with contextlib.suppress(OSError):
            self._folder.delete(key)
        self._known.discard(key)
        self._news.append(Gone(key))
