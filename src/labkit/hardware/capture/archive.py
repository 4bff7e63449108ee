"""Members of .zip, .tar and .tar.gz archives, in memory and bounded: no name is trusted, no size is believed."""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from labkit.errors import InputError

_MAX_ARCHIVE_BYTES = 16 * 1024 * 1024
_MAX_UNPACKED_BYTES = 64 * 1024 * 1024
_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
_HINT = "make a capture with: labkit doctor --bundle FILE"


def is_archive(path: Path) -> bool:
    """By its name, or a zip by its content."""
    return path.name.lower().endswith(_ENDINGS) or zipfile.is_zipfile(path)


def read_archive(path: Path, *, max_files: int, max_file_bytes: int) -> Iterator[tuple[str, bytes | None]]:
    """(name, content) of each member; content None for links, devices and encrypted ones; a huge one is cut.

    Raises InputError for an archive that is damaged, not one at all, or holds far more than captures do.
    """
    if path.stat().st_size > _MAX_ARCHIVE_BYTES:
        raise InputError(f"{path.name} is too large for a capture", hint=_HINT)
    members = _zip_members if zipfile.is_zipfile(path) else _tar_members
    left = _MAX_UNPACKED_BYTES
    try:
        for count, (name, data) in enumerate(members(path, max_file_bytes)):
            left -= len(data or b"")
            if count >= max_files or left < 0:
                raise _TooMuchError
            yield name, data
    except _TooMuchError:
        raise InputError(f"{path.name} holds far more than a capture does", hint=_HINT) from None
    except _DAMAGES as error:
        raise InputError(f"{path.name} is not an archive that can be read: {error}", hint=_HINT) from error


class _TooMuchError(Exception):
    """The archive holds more files or bytes than any capture."""


_DAMAGES = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError,
)  # fmt: skip


def _zip_members(path: Path, max_file_bytes: int) -> Iterator[tuple[str, bytes | None]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
            if is_link or info.flag_bits & 1:
                yield info.filename, None
                continue
            with archive.open(info) as file:
                yield info.filename, file.read(max_file_bytes)


def _tar_members(path: Path, max_file_bytes: int) -> Iterator[tuple[str, bytes | None]]:
    with _unpacked(path) as stream:
        bounded = cast("IO[bytes]", _Bounded(stream))
        # "r|" reads forward only, so that what is skipped over is counted as well.
        with tarfile.open(fileobj=bounded, mode="r|") as archive:
            for info in archive:
                if info.isdir():
                    continue
                file = archive.extractfile(info) if info.isreg() else None
                yield info.name, file.read(max_file_bytes) if file else None


def _unpacked(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if compressed else path.open("rb")


class _Bounded:
    """A stream that ends with an error instead of giving more than _MAX_UNPACKED_BYTES."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._left = stream, _MAX_UNPACKED_BYTES

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _TooMuchError
        return data
