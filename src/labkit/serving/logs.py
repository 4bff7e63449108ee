"""Log files in the data folder: private, and bounded by one rotation."""

import contextlib
import logging
import os
from collections.abc import Generator
from pathlib import Path

from labkit.units import MIB

MAX_LOG_BYTES = 4 * MIB
FRONT_LOG = "server.log"
SHOWN_LINES = 8
_UNSAFE = str.maketrans(dict.fromkeys('/\\:*?"<>| ', "-"))


def worker_log_path(folder: Path, model: str) -> Path:
    """Where a model's worker writes what it has to say."""
    return folder / f"worker-{model.translate(_UNSAFE)[:80]}.log"


def open_log(path: Path) -> int:
    """A descriptor that appends to `path`, readable by the user alone. The caller closes it.

    A file over 4 MiB is set aside first, as `<name>.1`.
    """
    if file_size(path) > MAX_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


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
            log.seek(from_byte)
            text = log.read(MAX_LOG_BYTES).decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(line for line in text.splitlines()[-count:] if line.strip())


@contextlib.contextmanager
def logging_to(path: Path) -> Generator[None, None, None]:
    """Send the front's own log (uvicorn's and labkit's, tracebacks among it) to a file, not to the terminal."""
    os.close(open_log(path))
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("labkit", "uvicorn")]
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
