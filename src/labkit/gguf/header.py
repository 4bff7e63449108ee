"""The header of a GGUF file: version, metadata and tensor table, read strictly and within bounds.

Layout (ggml-org/ggml docs/gguf.md): magic, version, number of tensors, number of metadata pairs, the pairs, the
tensor table, padding, tensor data. Nothing behind the header is read, so a file of any size takes the same time.
"""

import stat
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from labkit.errors import InvalidModelFileError
from labkit.gguf.cursor import Cursor, invalid
from labkit.gguf.tables import TENSOR_TYPES, TensorType

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_PAIRS = 65_536
MAX_TENSORS = 65_536
MAX_ARRAY_LENGTH = 1 << 24
MAX_KEY_BYTES = 65_535
MAX_STRING_BYTES = 64 * 1024 * 1024
MAX_NAME_BYTES = 63
MAX_DIMENSIONS = 4
DEFAULT_ALIGNMENT = 32

STRING, ARRAY, BOOL = 8, 9, 7
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}

# llama.cpp aborts when these are of another width; it writes them so itself.
EXACT_TYPES = {"split.no": 2, "split.count": 2, "split.tensors.count": 5}

Numbers = array  # of int or float, as in the file
Value = int | float | bool | str | tuple[bytes, ...] | Numbers


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor: `dimensions` with the fastest first, `offset` from the start of the tensor data."""

    name: str
    dimensions: tuple[int, ...]
    type: TensorType
    offset: int

    @property
    def num_elements(self) -> int:
        """Numbers in the tensor."""
        total = 1
        for size in self.dimensions:
            total *= size
        return total

    @property
    def num_bytes(self) -> int:
        """Bytes of the tensor's data; rows are whole blocks."""
        return self.num_elements // self.type.block_size * self.type.block_bytes


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says of itself. Strings of arrays stay bytes: a token need not be valid UTF-8."""

    path: Path
    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[TensorInfo, ...]
    data_offset: int
    file_bytes: int

    def text(self, key: str) -> str | None:
        """A string of the metadata, None when it is absent or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def integer(self, key: str) -> int | None:
        """An integer of the metadata, None when it is absent or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def strings(self, key: str) -> tuple[bytes, ...] | None:
        """An array of strings, None when it is absent or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, tuple) else None

    def numbers(self, key: str) -> "Numbers | None":
        """An array of numbers, None when it is absent or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, array) else None


def read_header(path: Path) -> GgufHeader:
    """Read and check the container: counts, lengths, types, names, and that every tensor lies in the file.

    Blocks on the disk, changes nothing. Raises InvalidModelFileError for anything that is not a whole GGUF file.
    """
    file_bytes = _regular_file_bytes(path)
    try:
        with path.open("rb") as file:
            return _parse(file, path, file_bytes)
    except OSError as error:
        raise _unreadable(path, error) from error


def parse_header(file: BinaryIO, name: str, file_bytes: int) -> GgufHeader:
    """As `read_header`, from an open file that need not be on a disk: only `read` is called, front to back.

    Raises InvalidModelFileError, and whatever `file.read` raises.
    """
    return _parse(file, Path(name), file_bytes)


def read_general(path: Path) -> Mapping[str, Value]:
    """The metadata in front of the tokenizer: name, license, shape. Quick, for lists of files.

    Raises InvalidModelFileError as `read_header` does, as far as it reads.
    """
    file_bytes = _regular_file_bytes(path)
    try:
        with path.open("rb") as file:
            cursor = Cursor(file, path, file_bytes)
            _, _, num_pairs = _preamble(cursor, path)
            return _pairs(cursor, path, num_pairs, stop_at="tokenizer.")
    except OSError as error:
        raise _unreadable(path, error) from error


def _regular_file_bytes(path: Path) -> int:
    # A FIFO would block for ever and a device never ends: ask before opening.
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise InvalidModelFileError(f"{path} is a folder, not a model file", hint="name a .gguf file inside it")
    if not stat.S_ISREG(status.st_mode):
        raise InvalidModelFileError(f"{path} is not a regular file", hint="name a .gguf file on a disk")
    if status.st_size == 0:
        raise InvalidModelFileError(f"{path.name} is empty", hint="download it again")
    return status.st_size


def _unreadable(path: Path, error: OSError) -> InvalidModelFileError:
    return InvalidModelFileError(
        f"cannot read {path}: {error.strerror or error}", hint="check the path and its permissions"
    )


def _parse(file: BinaryIO, path: Path, file_bytes: int) -> GgufHeader:
    cursor = Cursor(file, path, file_bytes)
    version, num_tensors, num_pairs = _preamble(cursor, path)
    metadata = _pairs(cursor, path, num_pairs)
    tensors = tuple(_tensor(cursor, path) for _ in range(num_tensors))
    alignment = _alignment(metadata, path)
    data_offset = -(-cursor.position // alignment) * alignment
    _check_layout(tensors, alignment, file_bytes - data_offset, path)
    return GgufHeader(path, version, metadata, tensors, data_offset, file_bytes)


def _preamble(cursor: Cursor, path: Path) -> tuple[int, int, int]:
    if cursor.remaining_bytes < 4 or bytes(cursor.take(4, "the magic number")) != MAGIC:
        raise invalid(path, "it is not a GGUF file", hint=_other_format_hint(path))
    version = cursor.integer("I", "the version")
    if version not in VERSIONS:
        if version.to_bytes(4, "little")[::-1] in (v.to_bytes(4, "little") for v in VERSIONS):
            raise invalid(path, "it is a big-endian GGUF file", hint="download the little-endian one")
        raise invalid(path, f"GGUF version {version} is not supported", hint="download a newer file of the model")
    num_tensors = cursor.integer("Q", "the number of tensors")
    num_pairs = cursor.integer("Q", "the number of metadata pairs")
    if num_tensors > MAX_TENSORS or num_pairs > MAX_PAIRS:
        raise invalid(path, f"it claims {num_tensors} tensors and {num_pairs} metadata pairs")
    return version, num_tensors, num_pairs


def _other_format_hint(path: Path) -> str:
    if path.suffix in {".safetensors", ".bin", ".pt", ".pth", ".ckpt"}:
        return "labkit serves GGUF files: look for a repository of this model whose name ends in -GGUF"
    return "name a .gguf file; the download may have saved an error page in its place"


def _pairs(cursor: Cursor, path: Path, num_pairs: int, stop_at: str | None = None) -> Mapping[str, Value]:
    metadata: dict[str, Value] = {}
    for _ in range(num_pairs):
        key = _text(cursor.string(MAX_KEY_BYTES, "a metadata key"), path, "a metadata key")
        if key in metadata:
            raise invalid(path, f"the metadata key {key!r} stands in it twice")
        if stop_at is not None and key.startswith(stop_at):
            break
        metadata[key] = _value(cursor, path, key)
    return MappingProxyType(metadata)


def _value(cursor: Cursor, path: Path, key: str) -> Value:
    kind = cursor.integer("I", f"the type of {key!r}")
    if EXACT_TYPES.get(key, kind) != kind:
        raise invalid(path, f"{key!r} has the type {kind}, {EXACT_TYPES[key]} is meant")
    if kind == STRING:
        return _text(cursor.string(MAX_STRING_BYTES, repr(key)), path, repr(key))
    if kind == ARRAY:
        return _array(cursor, path, key)
    if kind not in SCALARS:
        raise invalid(path, f"{key!r} has the unknown type {kind}")
    value = cursor.number(SCALARS[kind], repr(key))
    return bool(value) if kind == BOOL else value


def _array(cursor: Cursor, path: Path, key: str) -> Value:
    kind = cursor.integer("I", f"the element type of {key!r}")
    count = cursor.integer("Q", f"the length of {key!r}")
    if count > MAX_ARRAY_LENGTH:
        raise invalid(path, f"the array {key!r} claims {count} elements")
    if kind == STRING:
        if count * 8 > cursor.remaining_bytes:
            raise invalid(path, f"it is cut: the array {key!r} claims {count} strings")
        return cursor.strings(count, MAX_STRING_BYTES, repr(key))
    if kind not in SCALARS:
        raise invalid(path, f"the array {key!r} has the unsupported element type {kind}")
    return cursor.numbers(SCALARS[kind], count, repr(key))


def _text(raw: bytes, path: Path, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid(path, f"{what} is not valid UTF-8") from error


def _tensor(cursor: Cursor, path: Path) -> TensorInfo:
    name = _text(cursor.string(MAX_NAME_BYTES, "a tensor name"), path, "a tensor name")
    num_dimensions = cursor.integer("I", f"the dimensions of {name!r}")
    if num_dimensions > MAX_DIMENSIONS:
        raise invalid(path, f"the tensor {name!r} claims {num_dimensions} dimensions")
    dimensions = tuple(cursor.integer("Q", f"a dimension of {name!r}") for _ in range(num_dimensions))
    type_number = cursor.integer("I", f"the type of {name!r}")
    kind = TENSOR_TYPES.get(type_number)
    if kind is None:
        raise invalid(
            path,
            f"the tensor {name!r} has the type {type_number}, which this version does not know",
            hint="update labkit, or download the model at another quantization, such as Q4_K_M",
        )
    info = TensorInfo(name, dimensions, kind, cursor.integer("Q", f"the offset of {name!r}"))
    if any(size == 0 for size in dimensions) or info.num_elements >= 1 << 62:
        raise invalid(path, f"the tensor {name!r} has the impossible shape {dimensions}")
    if (dimensions[0] if dimensions else 1) % kind.block_size:
        raise invalid(path, f"a row of {name!r} is not a whole number of {kind.name} blocks")
    return info


def _alignment(metadata: Mapping[str, Value], path: Path) -> int:
    alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
        raise invalid(path, f"its alignment is {alignment!r}, not a power of two")
    return alignment


def _check_layout(tensors: tuple[TensorInfo, ...], alignment: int, data_bytes: int, path: Path) -> None:
    names: set[str] = set()
    expected = 0
    for tensor in tensors:
        if tensor.name in names:
            raise invalid(path, f"the tensor {tensor.name!r} stands in it twice")
        names.add(tensor.name)
        if tensor.offset != expected:
            raise invalid(path, f"the tensor {tensor.name!r} starts at {tensor.offset}, {expected} is its place")
        if tensor.offset + tensor.num_bytes > data_bytes:
            missing = tensor.offset + tensor.num_bytes - data_bytes
            raise invalid(path, f"it is cut: the tensor {tensor.name!r} ends {missing} bytes behind the file's end")
        expected += -(-tensor.num_bytes // alignment) * alignment
