"""Files that are whole or not there at all, also after a loss of power."""

import glob
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

_READ_BYTES = 4 * 1024 * 1024


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` by a file with `content`: readers see the old or the new one, never a part. Raises OSError.

    The folder must exist. The content is on the disk when this returns.
    """
    draft = draft_of(path)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def draft_of(path: Path) -> Path:
    """Where this process writes what becomes `path`. Removes drafts that killed processes left. Raises OSError."""
    for old in path.parent.glob(f".{glob.escape(path.name)}.*.draft"):
        number = old.name.split(".")[-2]
        if number.isdecimal() and int(number) != os.getpid() and not is_running(int(number)):
            old.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.draft")


def is_running(process_id: int) -> bool:
    """Whether there is such a process. Its number may have been given to another one since."""
    import psutil  # costs 10 ms, and is seldom asked for

    return process_id < 1 << 31 and psutil.pid_exists(process_id)


def make_folder(folder: Path) -> None:
    """Make a folder, private to the user, and those above it; the disk keeps their names. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names in `folder`. Windows does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hash_file(path: Path, on_bytes: Callable[[int], None] = lambda _: None) -> str:
    """sha256 of a file in hexadecimal. Blocks; `on_bytes` is told of every few MiB read. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
            on_bytes(len(data))
    return digest.hexdigest()
