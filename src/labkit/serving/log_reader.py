"""Reads the logs that endpoints write: the last lines, and what comes."""

import time
from collections.abc import Iterator
from pathlib import Path

from labkit.catalog import nearest
from labkit.errors import InputError, LabkitError, ModelNotFoundError
from labkit.serving.logs import FRONT_LOG, MAX_LOG_BYTES, file_size, worker_log_path
from labkit.settings import Settings
from labkit.store import resolve

POLL_SECONDS = 0.25
_PREFIX = "worker-"


def find_log(settings: Settings, model: str | None) -> Path:
    """The log of a model's worker, or of the front. Raises InputError or ModelNotFoundError where there is none."""
    folder = settings.data_folder / "logs"
    if model is None:
        path = folder / FRONT_LOG
        if path.is_file():
            return path
        raise InputError("no endpoint has run here yet, so there is no log", hint="start one: labkit serve nano")
    for name in (model, _full_name(model, settings)):
        if (path := worker_log_path(folder, name)).is_file():
            return path
    known = [path.stem.removeprefix(_PREFIX) for path in sorted(folder.glob(f"{_PREFIX}*.log"))]
    hint = f"there are logs of {', '.join(known)}" if known else "no model has been loaded here yet"
    raise ModelNotFoundError(
        model, near := nearest(model, known), message=f"there is no log of '{model}'", hint="" if near else hint
    )


def tail(path: Path, count: int) -> list[str]:
    """The last lines of a file; [] when it is gone."""
    try:
        with path.open("rb") as log:
            log.seek(max(file_size(path) - MAX_LOG_BYTES, 0))
            text = log.read(2 * MAX_LOG_BYTES).decode(errors="replace")
    except OSError:
        return []
    return text.splitlines()[-count:] if count else []


def following(path: Path, count: int) -> Iterator[str]:
    """The last lines, then each new one; also of a file that was emptied or made anew meanwhile. Never ends."""
    position = file_size(path)
    yield from tail(path, count)
    rest = b""
    while True:
        size = file_size(path)
        if size < position:
            position, rest = 0, b""
        if size > position:
            with path.open("rb") as log:
                log.seek(position)
                data = rest + log.read(MAX_LOG_BYTES)
                position = log.tell()
            *whole, rest = data.split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
        else:
            time.sleep(POLL_SECONDS)


def _full_name(name: str, settings: Settings) -> str:
    try:
        return resolve(name, settings).name
    except LabkitError:
        return name
