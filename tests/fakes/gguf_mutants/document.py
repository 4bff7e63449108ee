"""A GGUF file taken apart, to be put together wrong. Knows the format, not labkit's reader."""

import struct
from dataclasses import dataclass, field, replace

from fakes import gguf_writer as writer
from fakes.gguf_writer import Typed

# Numbers in a block, and its bytes, by tensor type: what must hold for a file whose types were changed on purpose.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18), 42: (64, 18),
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """A row of the tensor table with its data; `offset` None lets `Document.to_bytes` place it."""

    name: bytes
    dimensions: tuple[int, ...]
    kind: int
    data: bytes
    offset: int | None = None


@dataclass(frozen=True)
class Document:
    """Everything in a file, in order. Values are never changed in place: mutants share them with their base."""

    pairs: tuple[tuple[bytes, Typed], ...]
    tensors: tuple[Tensor, ...]
    version: int = 3
    alignment: int = 32
    trailing: bytes = field(default=b"", repr=False)

    def get(self, key):
        """The value of a key; None without it."""
        return next((item.value for name, item in self.pairs if name == key.encode()), None)

    def typed(self, key):
        """The value of a key with its type; None without it."""
        return next((item for name, item in self.pairs if name == key.encode()), None)

    def keys(self, prefix=""):
        """Keys that begin so, as text."""
        return [name.decode() for name, _ in self.pairs if name.startswith(prefix.encode())]

    def with_(self, **parts):
        """A copy with other parts."""
        return replace(self, **parts)

    def setting(self, key, item):
        """A copy with a value set, in its place or behind the last one; None drops the key."""
        name, old = key.encode(), [pair[0] for pair in self.pairs]
        pairs = list(self.pairs)
        if name in old:
            pairs[old.index(name) : old.index(name) + 1] = [(name, typed(item))] if item is not None else []
        elif item is not None:
            pairs.append((name, typed(item)))
        return self.with_(pairs=tuple(pairs))

    def header(self):
        """Bytes up to the padding in front of the data."""
        parts = [b"GGUF", struct.pack("<IQQ", self.version, len(self.tensors), len(self.pairs))]
        parts += [writer.string(key) + writer.value(item) for key, item in self.pairs]
        place = 0
        for tensor in self.tensors:
            sizes = struct.pack(f"<{len(tensor.dimensions)}Q", *tensor.dimensions)
            parts.append(writer.string(tensor.name) + struct.pack("<I", len(tensor.dimensions)) + sizes)
            offset = place if tensor.offset is None else tensor.offset
            parts.append(struct.pack("<IQ", tensor.kind, offset % 2**64))
            place += padded(len(tensor.data), self.alignment)
        return b"".join(parts)

    def to_bytes(self):
        """The file."""
        head = self.header()
        parts = [head, bytes(padded(len(head), self.alignment) - len(head))]
        for tensor in self.tensors:
            parts += [tensor.data, bytes(padded(len(tensor.data), self.alignment) - len(tensor.data))]
        return b"".join([*parts, self.trailing])


def padded(size, alignment):
    """`size` rounded up."""
    return -(-size // alignment) * alignment


def typed(item):
    """A value with its GGUF type, as the writer would choose it."""
    if isinstance(item, Typed):
        return item
    if isinstance(item, bool):
        return Typed(writer.BOOL, item)
    if isinstance(item, int):
        kind = writer.UINT32 if 0 <= item < 2**32 else writer.INT64 if item < 2**63 else writer.UINT64
        return Typed(kind, item)
    if isinstance(item, float):
        return Typed(writer.FLOAT32, item)
    if isinstance(item, str | bytes):
        return Typed(writer.STRING, item)
    kinds = {str: writer.STRING, bytes: writer.STRING, float: writer.FLOAT32, bool: writer.BOOL}
    return Typed(writer.ARRAY, list(item), kinds.get(type(item[0]) if item else int, writer.INT32))


def data_bytes(dimensions, kind):
    """Bytes that a tensor of this shape and type takes."""
    block, size = BLOCKS[kind]
    total = 1
    for length in dimensions:
        total *= length
    return total // block * size


def parse(raw):
    """Take a valid little-endian file apart."""
    reader = _Reader(raw)
    reader.place = 4
    version, num_tensors, num_pairs = reader.unpack("IQQ")
    pairs = tuple((reader.text(), _value(reader)) for _ in range(num_pairs))
    rows = []
    for _ in range(num_tensors):
        name, (count,) = reader.text(), reader.unpack("I")
        dimensions = reader.unpack(f"{count}Q")
        rows.append((name, dimensions, *reader.unpack("IQ")))
    alignment = next((item.value for key, item in pairs if key == b"general.alignment"), 32)
    start = padded(reader.place, alignment)
    tensors = tuple(
        Tensor(name, dimensions, kind, raw[start + offset : start + offset + data_bytes(dimensions, kind)])
        for name, dimensions, kind, offset in rows
    )
    return Document(pairs, tensors, version, alignment)


class _Reader:
    def __init__(self, raw):
        self.raw, self.place = raw, 0

    def unpack(self, codes):
        found = struct.unpack_from("<" + codes, self.raw, self.place)
        self.place += struct.calcsize("<" + codes)
        return found

    def text(self):
        (length,) = self.unpack("Q")
        self.place += length
        return self.raw[self.place - length : self.place]


def _value(reader):
    (kind,) = reader.unpack("I")
    if kind != writer.ARRAY:
        return Typed(kind, _one(reader, kind))
    element, count = reader.unpack("IQ")
    if element == writer.STRING:
        return Typed(kind, [reader.text() for _ in range(count)], element)
    return Typed(kind, list(reader.unpack(f"{count}{writer._CODES[element]}")), element)


def _one(reader, kind):
    return reader.text() if kind == writer.STRING else reader.unpack(writer._CODES[kind])[0]
