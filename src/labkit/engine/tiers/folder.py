"""The private folder of the disk tier: one file per state, put there whole or not at all."""

import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from labkit.engine.tiers.record import SUFFIX, InvalidRecordError

_PART_SUFFIX = ".part"
_ABANDONED_SECONDS = 3600
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class StateFile:
    """One file: `used_ns` is when it was last written or read (its modification time)."""

    key: str
    size_bytes: int
    used_ns: int


class StateFolder:
    """Files named by key. Prompts are private: the folder is 0700, its files are 0600.

    Several processes may share it: files appear by rename, and a file that another process has deleted is simply
    gone (FileNotFoundError). Every method blocks on the disk and raises OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        """Make the folder, tighten its mode, and delete what writers have left behind that were killed."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = self.path.lstat()
        if not stat.S_ISDIR(facts.st_mode):
            raise NotADirectoryError(f"{self.path} is a link or a file, not a folder")
        if stat.S_IMODE(facts.st_mode) != 0o700:
            self.path.chmod(0o700)
        for entry in self._entries(_PART_SUFFIX):
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED_SECONDS:
                Path(entry.path).unlink(missing_ok=True)

    def files(self) -> list[StateFile]:
        """Every state file, least recently used first."""
        found = []
        for entry in self._entries(SUFFIX):
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # another process was faster
            found.append(StateFile(entry.name.removesuffix(SUFFIX), facts.st_size, facts.st_mtime_ns))
        return sorted(found, key=lambda file: file.used_ns)

    def write(self, key: str, parts: Iterable[bytes]) -> None:
        """Write, flush to the disk, and only then give the file its name. Nothing is left of a failed write."""
        part = self.path / f".{key}.{os.getpid()}.{secrets.token_hex(4)}{_PART_SUFFIX}"
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS, 0o600), "wb") as file:
                for data in parts:
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _mark_used(part)
            part.replace(self._path(key))
        finally:
            part.unlink(missing_ok=True)
        self._sync()

    def open(self, key: str) -> tuple[BinaryIO, int]:
        """The file for reading, and its bytes. InvalidRecordError when it is a link or not a plain file."""
        path = self._path(key)
        if path.is_symlink():
            raise InvalidRecordError("a link")
        descriptor = os.open(path, os.O_RDONLY | _NO_LINKS | getattr(os, "O_NONBLOCK", 0))
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            os.close(descriptor)
            raise InvalidRecordError("not a plain file")
        return os.fdopen(descriptor, "rb"), facts.st_size

    def touch(self, key: str) -> None:
        """Mark as used now."""
        _mark_used(self._path(key))

    def delete(self, key: str) -> None:
        """Delete; harmless when the file is gone."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.path / f"{key}{SUFFIX}"

    def _entries(self, suffix: str) -> Iterator["os.DirEntry[str]"]:
        with os.scandir(self.path) as entries:
            yield from (entry for entry in entries if entry.name.endswith(suffix))

    def _sync(self) -> None:
        # The rename itself survives a power loss only when the folder is flushed; Windows cannot open folders.
        if os.name == "posix":
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _mark_used(path: Path) -> None:
    now = time.time_ns()
    os.utime(path, ns=(now, now))
