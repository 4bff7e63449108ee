"""Log files in the data folder: private, and bounded while they grow, whoever writes them."""

import contextlib
import json
import logging
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Literal

from labkit.access.redaction import SafeFormatter, without_keys
from labkit.units import MIB

MAX_LOG_BYTES = 4 * MIB
FRONT_LOG = "server.log"
SHOWN_LINES = 8
LogFormat = Literal["text", "json"]
_UNSAFE = str.maketrans(dict.fromkeys('/\\:*?"<>| ', "-"))


def worker_log_path(folder: Path, model: str) -> Path:
    """Where a model's worker writes what it has to say."""
    return folder / f"worker-{model.translate(_UNSAFE)[:80]}.log"


def open_log(path: Path) -> int:
    """A descriptor that appends to `path`, readable by the user alone. The caller closes it.

    A file over 4 MiB is set aside first, as `<name>.1`.
    """
    bound_log(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def bound_log(path: Path) -> None:
    """Set the last 4 MiB of a file that is longer aside, as `<name>.1`, and empty it. Never raises.

    Not renamed: other processes have it open to append, and go on in the emptied file. What they write between the
    copy and the cut is lost, which is a line or two in many thousand.
    """
    size = file_size(path)
    if size <= MAX_LOG_BYTES:
        return
    with contextlib.suppress(OSError):
        aside = os.open(path.with_suffix(".log.1"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(aside, "wb") as kept, path.open("rb") as log:
            log.seek(size - MAX_LOG_BYTES)
            kept.write(log.read(MAX_LOG_BYTES))
    with contextlib.suppress(OSError):  # also where the copy found no room: the disk is full already
        os.truncate(path, 0)


def file_size(path: Path) -> int:
    """Bytes in `path`, 0 when there is no such file."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def last_lines(path: Path, from_byte: int = 0, count: int = SHOWN_LINES) -> str:
    """The last lines that were written to `path` after `from_byte`; empty when there are none."""
    try:
        with path.open("rb") as log:
            log.seek(from_byte if from_byte <= file_size(path) else 0)  # it was emptied meanwhile
            text = log.read(MAX_LOG_BYTES).decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(line for line in text.splitlines()[-count:] if line.strip())


@contextlib.contextmanager
def logging_to(path: Path, log_format: LogFormat = "text") -> Generator[None, None, None]:
    """Send the front's own log (requests, uvicorn's and labkit's words, tracebacks) to a file, not to the terminal."""
    handler = _BoundedFile(path)
    handler.setFormatter(_JsonLines() if log_format == "json" else _Text())
    loggers = [logging.getLogger(name) for name in ("labkit", "uvicorn", "opentelemetry")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
        handler.close()


class _BoundedFile(logging.Handler):
    """Appends to a file and keeps it bounded. A disk that is full costs lines of the log, and nothing else."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._descriptor = open_log(path)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record in one piece."""
        try:
            if os.fstat(self._descriptor).st_size > MAX_LOG_BYTES:
                bound_log(self._path)
            os.write(self._descriptor, f"{self.format(record)}\n".encode(errors="replace"))
        except OSError:
            return
        except Exception:  # noqa: BLE001  # a record that cannot be written is a bug of who logged it
            self.handleError(record)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        super().close()


class _Text(SafeFormatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")


class _JsonLines(SafeFormatter):
    """One object a line; a request's facts (`record.request`) stand in it by their names."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, in ASCII."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        facts = getattr(record, "request", None)
        line |= {"message": without_keys(record.getMessage())} if facts is None else facts
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
