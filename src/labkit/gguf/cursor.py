"""Reads a file front to back in small pieces, and never past a limit, whatever the file claims."""

import struct
from array import array
from pathlib import Path
from typing import BinaryIO

from labkit.errors import InvalidModelFileError
from labkit.units import render_bytes

CHUNK_BYTES = 256 * 1024
MAX_HEADER_BYTES = 512 * 1024 * 1024
DAMAGED = "the file is damaged or incomplete: download it again and compare its size with its page"

_UINT64 = struct.Struct("<Q")


def invalid(path: Path, what: str, hint: str = DAMAGED) -> InvalidModelFileError:
    """The error for `what` is wrong with the file at `path`."""
    return InvalidModelFileError(f"{path.name} cannot be served: {what}", hint=hint)


class Cursor:
    """A position in a binary file of known size. Every read raises InvalidModelFileError when it is cut."""

    def __init__(self, file: BinaryIO, path: Path, file_bytes: int) -> None:
        self._file = file
        self._path = path
        self._file_bytes = file_bytes
        self._buffer = bytearray()
        self.position = 0

    @property
    def remaining_bytes(self) -> int:
        """What the file still holds behind the position."""
        return self._file_bytes - self.position

    def take(self, num_bytes: int, what: str) -> memoryview:
        """The next `num_bytes` as a view that must be copied before the next read."""
        self._ensure(num_bytes, what)
        view = memoryview(self._buffer)[self.position : self.position + num_bytes]
        self.position += num_bytes
        return view

    def number(self, code: str, what: str) -> int | float:
        """One little-endian number; `code` as in `struct`."""
        layout = struct.Struct("<" + code)
        return layout.unpack(self.take(layout.size, what))[0]

    def integer(self, code: str, what: str) -> int:
        """One little-endian integer; `code` as in `struct`."""
        return int(self.number(code, what))

    def string(self, limit_bytes: int, what: str) -> bytes:
        """A string: its length in 8 bytes, then the text."""
        length = self.integer("Q", f"the length of {what}")
        if length > limit_bytes:
            raise invalid(self._path, f"{what} claims to be {length} bytes long")
        return bytes(self.take(length, what))

    def strings(self, count: int, limit_bytes: int, what: str) -> tuple[bytes, ...]:
        """`count` strings in a row. Kept tight: a vocabulary has some hundred thousand of them."""
        found: list[bytes] = []
        for _ in range(count):
            position = self.position
            if position + 8 > len(self._buffer):
                self._ensure(8, what)
            (length,) = _UINT64.unpack_from(self._buffer, position)
            if length > limit_bytes:
                raise invalid(self._path, f"a string of {what} claims to be {length} bytes long")
            end = position + 8 + length
            if end > len(self._buffer):
                self._ensure(8 + length, what)
            found.append(bytes(self._buffer[position + 8 : end]))
            self.position = end
        return tuple(found)

    def numbers(self, code: str, count: int, what: str) -> "array[int] | array[float]":
        """`count` little-endian numbers in a row; `code` as in `array`."""
        values = array(code)
        values.frombytes(self.take(count * values.itemsize, what))
        if struct.pack("=H", 1) != struct.pack("<H", 1):
            values.byteswap()
        return values

    def _ensure(self, num_bytes: int, what: str) -> None:
        end = self.position + num_bytes
        if end <= len(self._buffer):
            return
        if end > self._file_bytes:
            left = self._file_bytes - self.position
            raise invalid(self._path, f"it is cut: {what} needs {num_bytes} bytes, {left} are left")
        if end > MAX_HEADER_BYTES:
            raise invalid(self._path, f"its header is larger than {render_bytes(MAX_HEADER_BYTES)}")
        # The buffer is replaced, not grown: a view handed out by `take` may still look at the old one.
        wanted = min(max(end, 2 * len(self._buffer), CHUNK_BYTES), self._file_bytes)
        self._buffer = self._buffer + self._file.read(wanted - len(self._buffer))
        if end > len(self._buffer):
            raise invalid(self._path, "it became shorter while it was read")
