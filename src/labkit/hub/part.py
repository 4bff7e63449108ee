"""A file that is being downloaded: its bytes, and beside them which of them have arrived.

The progress file is 4 KiB of header and one 16-byte entry for each piece: bytes received, and bytes known to be on
the disk. What was received survives the death of the process, because the kernel has it; after a restart of the
machine only what was synced counts. The progress file is also the lock: whoever holds it downloads, others follow.
"""

import contextlib
import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import DataFolderError, DiskFullError
from labkit.files import make_folder, sync_folder
from labkit.hub.lock import FileLock
from labkit.hub.positioned import pread, pwrite
from labkit.units import MIB, render_bytes

MAGIC = b"labkit part 1\n\0\0"
HEADER_BYTES = 4096
PIECE_BYTES = 8 * MIB
SYNC_BYTES = 256 * MIB
_HEADER = struct.Struct("<16sQQ16sQ")
_ENTRY = struct.Struct("<QQ")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many."""
        return self.end - self.start


class Part:
    """One download on disk. Held by one process; its threads may write different pieces at the same time."""

    def __init__(self, folder: Path, name: str, size_bytes: int) -> None:
        self.path = folder / f"{name}.part"
        self.size_bytes = size_bytes
        self._progress_path = folder / f"{name}.progress"
        self._lock = FileLock(self._progress_path)
        self._data = -1
        self._num_pieces = -(-size_bytes // PIECE_BYTES)
        self._received: list[int] = []
        self._unsynced = 0

    def try_open(self) -> bool:
        """Take the part, with what an earlier process left in it. False while another process has it.

        Raises DiskFullError and DataFolderError.
        """
        with _translated(self.path.parent):
            make_folder(self.path.parent)
            if not self._lock.try_acquire():
                return False
            try:
                if self.path.exists():  # read-only when its process was killed while it published
                    self.path.chmod(0o600)
                self._data = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
                self._received = self._read_progress() or self._start_afresh()
            except OSError:
                self.close()
                raise
        return True

    @property
    def received_bytes(self) -> int:
        """What is here."""
        return sum(self._received)

    @property
    def is_complete(self) -> bool:
        """Whether every byte has arrived, right or wrong."""
        return self.received_bytes == self.size_bytes

    def missing(self) -> list[Span]:
        """What has not arrived, one span for each piece that lacks something, in order."""
        spans = []
        for index, received in enumerate(self._received):
            start, end = self._bounds(index)
            if start + received < end:
                spans.append(Span(start + received, end))
        return spans

    def prefix_bytes(self) -> int:
        """How many bytes from the start are here without a gap."""
        for index, received in enumerate(self._received):
            start, end = self._bounds(index)
            if start + received < end:
                return start + received
        return self.size_bytes

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Add bytes that follow what has arrived of their piece; they must not reach into the next piece.

        Raises DiskFullError; what was written before is kept and known.
        """
        index = offset // PIECE_BYTES
        with _translated(self.path.parent, self.size_bytes - self.received_bytes):
            _write_all(self._data, data, offset)
            received = offset - index * PIECE_BYTES + len(data)
            pwrite(self._lock.descriptor, struct.pack("<Q", received), HEADER_BYTES + index * _ENTRY.size)
        self._received[index] = received
        self._unsynced += len(data)
        if self._unsynced >= SYNC_BYTES:
            self.sync()

    def write_across(self, offset: int, data: bytes) -> None:
        """As `write`, over the ends of pieces; the pieces behind the first must have nothing yet."""
        view = memoryview(data)
        while view:
            room = PIECE_BYTES - offset % PIECE_BYTES
            self.write(offset, view[:room])
            offset, view = offset + len(view[:room]), view[room:]

    def read(self, offset: int, num_bytes: int) -> bytes:
        """Bytes that have arrived."""
        return pread(self._data, num_bytes, offset)

    def sync(self) -> None:
        """Have the disk keep what has arrived, and note that it does."""
        self._unsynced = 0
        received = list(self._received)
        with _translated(self.path.parent):
            _sync_data(self._data)
            for index, num_bytes in enumerate(received):
                pwrite(self._lock.descriptor, struct.pack("<Q", num_bytes), HEADER_BYTES + index * _ENTRY.size + 8)

    def forget(self) -> None:
        """Throw away what arrived: it is not what it should be."""
        with _translated(self.path.parent):
            self._received = self._start_afresh()

    def publish(self, target: Path) -> None:
        """Make the complete file appear as `target`, whole and on the disk, and remove the progress. Closes."""
        with _translated(self.path.parent):
            os.fsync(self._data)
            os.close(self._data)
            self._data = -1
            make_folder(target.parent)
            self.path.chmod(0o444)
            self.path.replace(target)
            sync_folder(target.parent)
            self._lock.release(remove=True)

    def discard(self) -> None:
        """Remove the part and its progress. Closes."""
        self._close_data()
        with _translated(self.path.parent):
            self.path.unlink(missing_ok=True)
            self._lock.release(remove=True)

    def close(self) -> None:
        """Let others have it. What arrived stays."""
        self._close_data()
        self._lock.release(remove=False)

    def _close_data(self) -> None:
        if self._data >= 0:
            os.close(self._data)
            self._data = -1

    def _bounds(self, index: int) -> tuple[int, int]:
        return index * PIECE_BYTES, min((index + 1) * PIECE_BYTES, self.size_bytes)

    def _read_progress(self) -> list[int] | None:
        """What an earlier process received; None when there is nothing that can be trusted."""
        descriptor = self._lock.descriptor
        try:
            magic, size, piece, boot, _ = _HEADER.unpack(pread(descriptor, _HEADER.size, 0))
        except struct.error:
            return None
        table = pread(descriptor, self._num_pieces * _ENTRY.size, HEADER_BYTES)
        if magic != MAGIC or size != self.size_bytes or piece != PIECE_BYTES or len(table) % _ENTRY.size:
            return None
        if len(table) != self._num_pieces * _ENTRY.size:
            return None
        same_boot = boot == _boot_id()
        on_disk = os.fstat(self._data).st_size
        counts = []
        for index, (received, synced) in enumerate(_ENTRY.iter_unpack(table)):
            start, end = self._bounds(index)
            known = received if same_boot else synced
            counts.append(min(known, end - start, max(on_disk - start, 0)))
        self._write_header()
        return counts

    def _start_afresh(self) -> list[int]:
        os.ftruncate(self._data, 0)
        os.ftruncate(self._lock.descriptor, 0)
        # Zeros that are written, not a hole: on a full disk it fails here and not in the middle.
        _write_all(self._lock.descriptor, bytes(HEADER_BYTES + self._num_pieces * _ENTRY.size), 0)
        self._write_header()
        return [0] * self._num_pieces

    def _write_header(self) -> None:
        header = _HEADER.pack(MAGIC, self.size_bytes, PIECE_BYTES, _boot_id(), os.getpid())
        pwrite(self._lock.descriptor, header, 0)


@dataclass(frozen=True, slots=True)
class ForeignProgress:
    """What another process has, or left, of a part: all in all, and from the start without a gap."""

    received_bytes: int
    process_id: int | None
    prefix_bytes: int = 0


def foreign_progress(folder: Path, name: str) -> ForeignProgress:
    """How far a part is, whoever holds it. Reads a small file; zeros when it cannot be read."""
    try:
        content = (folder / f"{name}.progress").read_bytes()
        *_, process_id = _HEADER.unpack_from(content)
    except (OSError, struct.error):
        return ForeignProgress(0, None)
    table = content[HEADER_BYTES:]
    whole = len(table) - len(table) % _ENTRY.size
    received = [entry[0] for entry in _ENTRY.iter_unpack(table[:whole])]
    prefix = 0
    for num_bytes in received:
        prefix += num_bytes
        if num_bytes < PIECE_BYTES:
            break
    return ForeignProgress(sum(received), process_id, prefix)


def _write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _sync_data(descriptor: int) -> None:
    (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(descriptor)


def _boot_id() -> bytes:
    """16 bytes that change with every start of the machine."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        return bytes.fromhex(text.strip().replace("-", ""))
    except (OSError, ValueError):
        import psutil

        return struct.pack("<dQ", psutil.boot_time(), 0)


@contextlib.contextmanager
def _translated(folder: Path, needed_bytes: int = 0) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            more = f": {render_bytes(needed_bytes)} more are needed" if needed_bytes else ""
            raise DiskFullError(
                f"the disk of {folder} is full{more}",
                hint="free some space, then type the same command again: it goes on where it stopped",
            ) from error
        raise DataFolderError(
            f"cannot write to {folder}: {error.strerror or error}",
            hint="make it writable, or choose another folder: LABKIT_HOME=~/labkit-data labkit ...",
        ) from error
