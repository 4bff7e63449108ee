"""The bytes in front of a GGUF file's tensor data (ggml-org/ggml docs/gguf.md, version 3)."""

import struct
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from labkit.gguf.tables import TensorType

MAGIC, VERSION, ALIGNMENT = b"GGUF", 3, 32
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
ARRAY_TYPES = {np.dtype(np.int32): INT32, np.dtype(np.float32): FLOAT32, np.dtype(np.bool_): BOOL}

Strings = tuple[bytes, ...]
Numbers = npt.NDArray[np.int32] | npt.NDArray[np.float32] | npt.NDArray[np.bool_]
Value = int | float | bool | str | Strings | Numbers
TableRow = tuple[str, tuple[int, ...], int, TensorType]  # name, dimensions, number of the type, type


def padded(num_bytes: int) -> int:
    """`num_bytes` rounded up to the alignment."""
    return -(-num_bytes // ALIGNMENT) * ALIGNMENT


def tensor_bytes(dimensions: tuple[int, ...], kind: TensorType) -> int:
    """Bytes of a tensor's data; rows are whole blocks."""
    elements = 1
    for size in dimensions:
        elements *= size
    return elements // kind.block_size * kind.block_bytes


def header_bytes(metadata: Mapping[str, Value], table: list[TableRow]) -> bytes:
    """Everything up to the first tensor's data, padding included. Pure."""
    parts = [MAGIC, struct.pack("<IQQ", VERSION, len(table), len(metadata))]
    parts += [_string(key.encode()) + _value(value) for key, value in metadata.items()]
    offset = 0
    for name, dimensions, number, kind in table:
        sizes = struct.pack(f"<{len(dimensions)}Q", *dimensions)
        parts.append(_string(name.encode()) + struct.pack("<I", len(dimensions)) + sizes)
        parts.append(struct.pack("<IQ", number, offset))
        offset += padded(tensor_bytes(dimensions, kind))
    header = b"".join(parts)
    return header + bytes(padded(len(header)) - len(header))


def _string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", FLOAT32, value)
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _string(value.encode())
    if isinstance(value, tuple):
        return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(_string, value))
    little_endian = value.astype(value.dtype.newbyteorder("<"))
    return struct.pack("<IIQ", ARRAY, ARRAY_TYPES[value.dtype], len(value)) + little_endian.tobytes()
