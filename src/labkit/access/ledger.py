"""The ledger: what each request used, in SQLite, written by a thread of its own.

Nobody waits for it. Rows are put on a queue and written twice a second, so that a process that is killed loses half a
second of them. A ledger that cannot be written (full disk, no permission) costs a warning in the log and, when that
lasts, rows; it never costs an answer.
"""

import contextlib
import logging
import math
import os
import queue
import sqlite3
import threading
import time
from pathlib import Path
from typing import NamedTuple

from labkit.access.gate import PastUse
from labkit.access.meter import DAY
from labkit.errors import BudgetExceededError
from labkit.files import make_folder

SCHEMA_VERSION = 1
BATCH_SECONDS = 0.5
RETRY_SECONDS = 5.0
WARNING_SECONDS = 60.0
TRIM_SECONDS = 3600.0
MAX_WAITING_ROWS = 20_000
MAX_ROWS = 1_000_000
_SLICE_SECONDS = 300
_REFUSED = BudgetExceededError.__name__  # costs nothing
_logger = logging.getLogger("labkit.access")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests(
    time REAL NOT NULL, key_id TEXT NOT NULL, key_name TEXT NOT NULL, model TEXT NOT NULL, route TEXT NOT NULL,
    status INTEGER, error TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL, first_token_seconds REAL, seconds REAL NOT NULL);
CREATE INDEX IF NOT EXISTS requests_by_time ON requests(time);
CREATE TABLE IF NOT EXISTS days(
    day TEXT NOT NULL, key_id TEXT NOT NULL, key_name TEXT NOT NULL, model TEXT NOT NULL,
    num_requests INTEGER NOT NULL, num_failed INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL, PRIMARY KEY (day, key_id, key_name, model)) WITHOUT ROWID;
"""
# What is too old is added to its day, key and model, and only then forgotten.
_FOLD = """
INSERT INTO days
SELECT date(time, 'unixepoch'), key_id, key_name, model, count(*), sum(status IS NULL OR status >= 400 OR error <> ''),
    sum(prompt_tokens), sum(completion_tokens), sum(cached_tokens), sum(reasoning_tokens), sum(seconds)
FROM requests WHERE time < :before GROUP BY 1, 2, 3, 4
ON CONFLICT DO UPDATE SET num_requests = num_requests + excluded.num_requests,
    num_failed = num_failed + excluded.num_failed, prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    completion_tokens = completion_tokens + excluded.completion_tokens,
    cached_tokens = cached_tokens + excluded.cached_tokens,
    reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens, seconds = seconds + excluded.seconds
"""

_SLICES = f"""
SELECT key_id, min(time), count(*), sum(prompt_tokens + completion_tokens) FROM requests
WHERE time > ? AND key_id <> '' AND error <> ? GROUP BY key_id, CAST(time / {_SLICE_SECONDS} AS INTEGER)
"""


class UsageRow(NamedTuple):
    """One request that is over, in the order of the table's columns.

    Attributes:
        time: when it came, seconds since the epoch.
        key_id, key_name: "" for nobody in particular.
        status: of the HTTP answer; None when there was none.
        error: what ended it, by the name of its class; "" for nothing.
        first_token_seconds: None when there was none.
        seconds: from its arrival to its last byte.
    """

    time: float
    key_id: str
    key_name: str
    model: str
    route: str
    status: int | None
    error: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    first_token_seconds: float | None
    seconds: float


_INSERT = f"INSERT INTO requests VALUES ({', '.join('?' * len(UsageRow._fields))})"


class Ledger:
    """Writes rows in the background. `record` never blocks and never raises; `close` waits for what is not written."""

    def __init__(self, path: Path, keep_days: int = 90, max_rows: int = MAX_ROWS) -> None:
        self._path = path
        self._keep_seconds = keep_days * DAY
        self._max_rows = max_rows
        self._rows: queue.SimpleQueue[UsageRow | None] = queue.SimpleQueue()
        self._waiting: list[UsageRow] = []
        self._connection: sqlite3.Connection | None = None
        self._last_warning = -WARNING_SECONDS
        self._next_trim = 0.0
        self._num_lost = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="labkit-ledger", daemon=True)
        self._thread.start()

    def record(self, row: UsageRow) -> None:
        """Write a row soon. It is lost when 20,000 already wait for a disk that does not take them."""
        if self._rows.qsize() < MAX_WAITING_ROWS:
            self._rows.put(row)
        else:
            self._num_lost += 1

    def close(self) -> None:
        """Write what waits, and end. Blocks, for a fraction of a second where the disk is well."""
        self._closing.set()
        self._rows.put(None)
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._collect()
            if self._waiting and not self._write():
                self._closing.wait(RETRY_SECONDS)
        self._collect_rest()
        self._write()
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()

    def _collect(self) -> None:
        """Wait for a row, then for the others of the same half second."""
        row = self._rows.get()
        if row is not None:
            self._waiting.append(row)
            self._closing.wait(BATCH_SECONDS)
        self._collect_rest()

    def _collect_rest(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                row = self._rows.get_nowait()
                if row is not None:
                    self._waiting.append(row)
        lost = len(self._waiting) - MAX_WAITING_ROWS
        if lost > 0:
            self._num_lost += lost
            del self._waiting[:lost]

    def _write(self) -> bool:
        """Write what waits; it goes on waiting when that fails."""
        try:
            connection = self._connection = self._connection or open_ledger(self._path)
            with connection:
                connection.executemany(_INSERT, self._waiting)
            self._waiting.clear()
            if time.monotonic() >= self._next_trim:
                self._next_trim = time.monotonic() + TRIM_SECONDS
                self._trim(connection)
        except (sqlite3.Error, OSError) as error:
            self._warn(error)
            return False
        return True

    def _trim(self, connection: sqlite3.Connection) -> None:
        before = time.time() - self._keep_seconds
        newest_to_go = connection.execute(
            "SELECT time FROM requests ORDER BY time DESC LIMIT 1 OFFSET ?", (self._max_rows,)
        ).fetchone()
        if newest_to_go is not None:
            before = max(before, math.nextafter(newest_to_go[0], math.inf))
        with connection:
            connection.execute(_FOLD, {"before": before})
            connection.execute("DELETE FROM requests WHERE time < ?", (before,))

    def _warn(self, error: Exception) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        now = time.monotonic()
        if now - self._last_warning >= WARNING_SECONDS:
            self._last_warning = now
            _logger.warning(
                "usage cannot be written to %s: %s; %d requests wait, %d are lost",
                self._path, error, len(self._waiting), self._num_lost,
            )  # fmt: skip


def open_ledger(path: Path) -> sqlite3.Connection:
    """The ledger, made where there is none. One that is damaged is set aside. Raises OSError, sqlite3.Error."""
    make_folder(path.parent)
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        path.replace(path.with_suffix(f".broken-{int(time.time())}"))
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
        _logger.warning("the usage ledger was damaged, and is set aside: %s", error)
        return _open(path)


def past_day(path: Path) -> list[PastUse]:
    """What each key used in the last 24 hours, in slices of five minutes; nothing where there is no ledger.

    Raises OSError, sqlite3.Error.
    """
    if not path.exists():
        return []
    now = time.time()
    with contextlib.closing(open_ledger(path)) as connection:
        rows = connection.execute(_SLICES, (now - DAY, _REFUSED)).fetchall()
    return [PastUse(key_id, max(0.0, now - since), requests, tokens) for key_id, since, requests, tokens in rows]


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # sqlite gives its other files the same mode
    # Opened by one thread and used by it alone, but closed by whoever ends it.
    connection = sqlite3.connect(path, timeout=2.0, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise sqlite3.OperationalError("it is from a newer labkit")
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection
