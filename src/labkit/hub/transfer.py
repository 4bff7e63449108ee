"""Downloading one file, so that nothing has to be fetched twice and nothing wrong is ever kept under its name.

Several connections fetch pieces in order; one thread hashes behind them. What has arrived survives a kill, a cut, a
full disk. The file appears under its name when its hash is the promised one, and at no time before.
"""

import hashlib
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import DownloadError, IntegrityError, UnavailableError
from labkit.hub.part import PIECE_BYTES, Part, Span, foreign_progress
from labkit.hub.stream import STALL_SECONDS, BusyError, ExpiredError, Source, WrongAnswerError, stream_span
from labkit.hub.types import Location
from labkit.units import MIB

CONNECTIONS = 4
MIN_BYTES_FOR_MORE = 64 * MIB
MAX_FRUITLESS = 6  # tries in a row that bring nothing
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 0.5, 15.0
STUCK_SECONDS = 600.0
_HASH_BYTES = 4 * MIB


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is. `waiting_for` is the process that downloads in our place; None when we do."""

    received_bytes: int
    size_bytes: int
    resumed_bytes: int = 0
    waiting_for: int | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """What to fetch, and where to.

    Attributes:
        locate: asks the hub for the current address; called again when one expires. Blocks.
        sha256: what the content must have; None when the hub does not say, then the content names itself.
        parts_folder: where the part lies, on the same file system as `target_of`'s answer.
        target_of: the final place of content with a given hash.
        beginning: of the content, what the caller has fetched already.
    """

    name: str
    locate: Callable[[], Location]
    size_bytes: int
    sha256: str | None
    parts_folder: Path
    target_of: Callable[[str], Path]
    beginning: bytes = b""

    @property
    def key(self) -> str:
        """Names the part: equal for equal content, whatever it is called."""
        return self.sha256 or hashlib.sha256(f"{self.name} {self.size_bytes}".encode()).hexdigest()


def download(
    task: Download,
    on_progress: Callable[[Progress], None] = lambda _: None,
    *,
    connections: int = CONNECTIONS,
    stall_seconds: float = STALL_SECONDS,
    stuck_seconds: float = STUCK_SECONDS,
) -> Path:
    """Fetch the file and return its final path; goes on where an earlier try stopped. Blocks.

    Another process that fetches the same content is waited for and followed. Ctrl-C keeps what arrived.
    Raises DownloadError (try again: it goes on), IntegrityError (the content is wrong: nothing is kept),
    DiskFullError, DataFolderError, RefusedError, UnavailableError.
    """
    if task.sha256 and (target := task.target_of(task.sha256)).exists():
        return target
    part = Part(task.parts_folder, task.key, task.size_bytes)
    if not _take(part, task, on_progress, stuck_seconds):
        return task.target_of(task.sha256 or "")
    try:
        if task.sha256 and (target := task.target_of(task.sha256)).exists():  # made while we waited
            part.discard()
            return target
        if not part.received_bytes:
            part.write_across(0, task.beginning)
        return _fetch_and_check(part, task, on_progress, connections, stall_seconds)
    finally:
        part.close()


def _take(part: Part, task: Download, on_progress: Callable[[Progress], None], stuck_seconds: float) -> bool:
    """Hold the part; False when another process finished the file meanwhile."""
    last, since = -1, time.monotonic()
    while not part.try_open():
        other = foreign_progress(task.parts_folder, task.key)
        on_progress(Progress(other.received_bytes, task.size_bytes, waiting_for=other.process_id))
        if other.received_bytes != last:
            last, since = other.received_bytes, time.monotonic()
        if time.monotonic() - since > stuck_seconds:
            who = f"process {other.process_id}" if other.process_id else "another process"
            raise UnavailableError(
                f"{who} downloads {task.name} and makes no progress",
                hint="end it, then type the same command again: it goes on where the other stopped",
            )
        time.sleep(0.2)
        if task.sha256 and task.target_of(task.sha256).exists():
            return False
    return True


def _fetch_and_check(
    part: Part, task: Download, on_progress: Callable[[Progress], None], connections: int, stall_seconds: float
) -> Path:
    for last_try in (False, True):
        fetch = _Fetch(part, task, on_progress, 1 if last_try else connections, stall_seconds)
        digest = fetch.run()
        if task.sha256 in (None, digest):
            target = task.target_of(digest)
            part.publish(target)
            return target
        part.forget()
    part.discard()
    raise IntegrityError(
        f"{task.name} arrived whole, and is not the file that the hub lists (sha256 {digest[:12]}..., "
        f"promised {(task.sha256 or '')[:12]}...); it was fetched twice, and nothing was kept",
        hint="a proxy or mirror on the way may change it: check HF_ENDPOINT and HTTPS_PROXY, then try again",
    )


class _Fetch:
    """One pass over what is missing, with several connections."""

    def __init__(
        self,
        part: Part,
        task: Download,
        on_progress: Callable[[Progress], None],
        connections: int,
        stall_seconds: float,
    ) -> None:
        self._part, self._task, self._on_progress = part, task, on_progress
        self._connections = connections if task.size_bytes >= MIN_BYTES_FOR_MORE else 1
        self._stall_seconds = stall_seconds
        self._resumed = part.received_bytes
        self._stop = threading.Event()
        self._arrived = threading.Condition()  # the hasher sleeps on it
        self._next = threading.Lock()  # protects `_todo` and `_source`
        self._todo: list[Span] = _joined(part.missing(), self._connections)
        self._source: Source | None = None
        self._fruitless = 0
        self._trouble = ""

    def run(self) -> str:
        """Fetch all of it; the sha256 of the whole. Raises as `download` does."""
        with ThreadPoolExecutor(self._connections + 1, thread_name_prefix="pull") as pool:
            workers = [pool.submit(self._work) for _ in range(self._connections if self._todo else 0)]
            hasher = pool.submit(self._hash)
            try:
                self._watch({*workers, hasher})
                return hasher.result()
            finally:
                self._stop.set()
                with self._arrived:
                    self._arrived.notify_all()

    def _watch(self, futures: set[Future]) -> None:
        """Report progress until all are done, or one of them failed."""
        while futures:
            done, futures = wait(futures, timeout=0.1, return_when=FIRST_COMPLETED)
            self._report()
            for future in done:
                future.result()

    def _report(self) -> None:
        part = self._part
        self._on_progress(Progress(part.received_bytes, part.size_bytes, self._resumed, trouble=self._trouble))

    def _work(self) -> None:
        while (span := self._take_span()) is not None:
            self._fetch_span(span)

    def _take_span(self) -> Span | None:
        with self._next:
            return self._todo.pop(0) if self._todo and not self._stop.is_set() else None

    def _fetch_span(self, span: Span) -> None:
        """Fetch all of `span`, over as many requests as it takes."""
        start = span.start
        while start < span.end and not self._stop.is_set():
            before = start
            source = self._located()
            try:
                for offset, data in stream_span(source, Span(start, span.end), stall_seconds=self._stall_seconds):
                    if self._stop.is_set():
                        return
                    self._write(offset, data)
                    start = offset + len(data)
                trouble, seconds = "the connection was closed early", None
            except ExpiredError as error:
                trouble, seconds = str(error), None
                self._forget_location(source)
            except BusyError as error:
                trouble, seconds = str(error), error.seconds
            except WrongAnswerError as error:
                trouble, seconds = str(error), None
            except _network_errors() as error:
                trouble, seconds = f"the connection broke ({error or type(error).__name__})", None
            if start < span.end:
                self._pause(trouble, seconds, progressed=start > before)

    def _write(self, offset: int, data: bytes) -> None:
        self._part.write_across(offset, data)
        self._trouble, self._fruitless = "", 0
        with self._arrived:
            self._arrived.notify()

    def _pause(self, trouble: str, seconds: float | None, *, progressed: bool) -> None:
        self._trouble = trouble
        self._fruitless = 0 if progressed else self._fruitless + 1
        if self._fruitless >= MAX_FRUITLESS:
            have = self._part.received_bytes / self._task.size_bytes
            raise DownloadError(
                f"{self._task.name} cannot be fetched now: {trouble}",
                hint=f"type the same command again later: {have:.0%} of it is here and stays",
            )
        backoff = min(FIRST_WAIT_SECONDS * 2**self._fruitless, MAX_WAIT_SECONDS) * random.uniform(0.7, 1.0)
        if not progressed or seconds:
            self._stop.wait(max(seconds or 0.0, backoff) if seconds != 0 else 0.0)

    def _located(self) -> Source:
        with self._next:
            if self._source is None:
                location = self._task.locate()
                if location.size_bytes != self._task.size_bytes:
                    raise IntegrityError(
                        f"{self._task.name} has {location.size_bytes} bytes now, {self._task.size_bytes} were listed",
                        hint="the repository changed: type the same command again",
                    )
                self._source = Source(location)
            return self._source

    def _forget_location(self, source: Source) -> None:
        with self._next:
            if self._source is source:
                self._source = None

    def _hash(self) -> str:
        """sha256 of the whole, read behind the arriving bytes."""
        digest, position = hashlib.sha256(), 0
        while position < self._part.size_bytes:
            ready = self._part.prefix_bytes()
            while position < ready:
                data = self._part.read(position, min(_HASH_BYTES, ready - position))
                digest.update(data)
                position += len(data)
                if self._stop.is_set() or not data:
                    break
            if self._stop.is_set():
                return ""
            with self._arrived:
                if self._part.prefix_bytes() <= position < self._part.size_bytes:
                    self._arrived.wait(0.2)
        return digest.hexdigest()


def _joined(missing: list[Span], connections: int) -> list[Span]:
    """Neighbouring pieces as longer spans: few requests, and still all connections near the front."""
    longest = 4 * PIECE_BYTES if connections > 1 else 1 << 62
    joined: list[Span] = []
    for span in missing:
        if joined and joined[-1].end == span.start and joined[-1].size + span.size <= longest:
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined


def _network_errors() -> type[Exception]:
    import httpx2

    return httpx2.HTTPError
