"""A lock on a file that the system frees when its holder dies, however it dies."""

import os
from pathlib import Path


class FileLock:
    """Advisory, between processes and between two locks of one process. Never waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    @property
    def descriptor(self) -> int:
        """The open file. Only while the lock is held."""
        return self._descriptor

    def try_acquire(self) -> bool:
        """Take it; False when another holds it. Makes the file. Raises OSError when it cannot be made."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        if not _lock(descriptor):
            os.close(descriptor)
            return False
        # A holder that finished removed the file: what was locked is then a file without a name.
        if not _is_at(descriptor, self._path):
            os.close(descriptor)
            return self.try_acquire()
        self._descriptor = descriptor
        return True

    def release(self, *, remove: bool) -> None:
        """Give it back; with `remove` the file goes too. Does nothing when it is not held. Raises OSError."""
        if self._descriptor < 0:
            return
        try:
            if remove and os.name != "nt":
                self._path.unlink(missing_ok=True)
        finally:
            os.close(self._descriptor)
            self._descriptor = -1
        if remove and os.name == "nt":  # open files cannot be removed there
            try:
                self._path.unlink(missing_ok=True)
            except PermissionError:  # the next holder has it already
                return


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


if os.name == "nt":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            os.lseek(descriptor, 1 << 40, os.SEEK_SET)  # far behind the content, which others may read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
        except OSError:
            return False
        return True
else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
