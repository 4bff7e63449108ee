"""The files of a capture as text: from a folder, a .zip or .tar.* archive, or one file alone.

A capture comes from strangers: nothing is unpacked to disk, symbolic links are not followed, names that lead out of
the capture are left out, and every read is bounded.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from labkit.errors import InputError
from labkit.hardware.capture.archive import is_archive, read_archive
from labkit.hardware.capture.layout import SYSTEM_FOLDERS

MAX_FILES = 20_000
MAX_FILE_BYTES = 4 * 1024 * 1024
_START_BYTES = 32 * 1024
_MAX_DEPTH = 32
_HINT = "give a folder of captured texts, or a file made with: labkit doctor --bundle FILE"
# A drive or a parent folder in a name, and what no captured file is called.
_UNSAFE = re.compile(r"(^|/)\.\.?(/|$)|^/|^[A-Za-z]:|[\\\0]")


Reader = Callable[[int], bytes]
"""The first so many bytes of a file."""


@dataclass(frozen=True, slots=True)
class FileTree:
    """Relative POSIX path -> its text, read when it is asked for.

    Attributes:
        name: how the capture was named by the person.
        left_out: names that were not taken, with the reason.
    """

    name: str
    readers: dict[str, Reader]
    left_out: tuple[str, ...] = ()
    _texts: dict[str, str | None] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        """Every file, sorted."""
        return sorted(self.readers)

    def read(self, path: str) -> str | None:
        """Text of a file, its beginning when it is huge; None when there is no such file or it cannot be read."""
        if path not in self._texts:
            self._texts[path] = self._load(path, MAX_FILE_BYTES)
        return self._texts[path]

    def start(self, path: str) -> str:
        """The beginning of a file, enough to tell what it is; empty when it cannot be read."""
        return self._load(path, _START_BYTES) or ""

    def _load(self, path: str, num_bytes: int) -> str | None:
        reader = self.readers.get(path)
        if reader is None:
            return None
        try:
            return decode(reader(num_bytes))
        except OSError:
            return None


def open_tree(place: Path) -> FileTree:
    """The files of a capture. Raises InputError when there is nothing, or nothing readable."""
    try:
        if place.is_dir():
            tree = _folder(place)
        elif place.is_file():
            tree = _archive(place) if is_archive(place) else FileTree(place.name, {place.name: _reader(place)})
        else:
            raise InputError(f"there is no capture at {place}", hint=_HINT)
    except OSError as error:
        raise InputError(f"cannot read {place}: {error.strerror or error}", hint=_HINT) from error
    if not tree.readers:
        raise InputError(f"{place} holds no file", hint=_HINT)
    return _without_top_folder(tree)


def decode(data: bytes) -> str:
    """Text of any bytes. PowerShell writes UTF-16 with a mark; everything else is taken for UTF-8."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, errors="replace")


def _folder(top: Path) -> FileTree:
    readers: dict[str, Reader] = {}
    left_out: list[str] = []
    for path in _walk(top, 0):
        name = path.relative_to(top).as_posix()
        if path.is_symlink() or not path.is_file():
            left_out.append(f"{name} (a link or a device)")
        elif len(readers) >= MAX_FILES:
            raise InputError(f"{top} holds more than {MAX_FILES} files", hint=_HINT)
        else:
            readers[name] = _reader(path)
    return FileTree(str(top), readers, tuple(left_out))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    with contextlib.suppress(PermissionError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda item: item.name):
            if entry.is_dir(follow_symlinks=False):
                if depth < _MAX_DEPTH:
                    yield from _walk(Path(entry.path), depth + 1)
            else:
                yield Path(entry.path)


def _reader(path: Path) -> Reader:
    def read(num_bytes: int) -> bytes:
        with path.open("rb") as file:
            return file.read(num_bytes)

    return read


def _archive(path: Path) -> FileTree:
    readers: dict[str, Reader] = {}
    left_out: list[str] = []
    for name, data in read_archive(path, max_files=MAX_FILES, max_file_bytes=MAX_FILE_BYTES):
        clean = name.removeprefix("./")
        if data is None or _UNSAFE.search(clean):
            left_out.append(f"{clean} (not a plain file of the capture)")
        else:
            readers[clean] = lambda num_bytes, kept=data: kept[:num_bytes]
    return FileTree(path.name, readers, tuple(left_out))


def _without_top_folder(tree: FileTree) -> FileTree:
    """An archive often has one folder around everything; proc/ and sys/ alone are the capture itself."""
    tops = {path.partition("/")[0] for path in tree.readers}
    top = next(iter(tops))
    if len(tops) != 1 or top in SYSTEM_FOLDERS or any("/" not in path for path in tree.readers):
        return tree
    inner = {path.removeprefix(f"{top}/"): reader for path, reader in tree.readers.items()}
    return _without_top_folder(FileTree(tree.name, inner, tree.left_out))
