"""Damage to the container: cuts, flips, counts, lengths, types, alignment, doubles, offsets."""

import struct
from dataclasses import replace

from fakes import gguf_writer as writer
from fakes.gguf_mutants.bases import any_base, base_bytes
from fakes.gguf_mutants.numbers import HUGE
from fakes.gguf_writer import Typed

COUNTS = (0, 1, 2, 1 << 16, 1 << 20, 1 << 31, 1 << 32, 1 << 60, (1 << 63) - 1, (1 << 64) - 1)


def cut(rng):
    name, document = any_base(rng)
    raw, head = base_bytes(name), len(document.header())
    return name, raw[: rng.randrange(head if rng.random() < 0.6 else len(raw))]


def bit_flips(rng):
    name, document = any_base(rng)
    raw = bytearray(base_bytes(name))
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        raw[_place(rng, document)] ^= 1 << rng.randrange(8)
    return name, bytes(raw)


def byte_changes(rng):
    name, document = any_base(rng)
    raw = bytearray(base_bytes(name))
    for _ in range(rng.choice((1, 1, 2, 4))):
        raw[_place(rng, document)] = rng.choice((0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
    return name, bytes(raw)


def words_overwritten(rng):
    name, document = any_base(rng)
    raw = bytearray(base_bytes(name))
    place, width = _place(rng, document), rng.choice((4, 8))
    raw[place : place + width] = struct.pack("<Q", rng.choice((*COUNTS, *HUGE)))[:width]
    return name, bytes(raw)


def bytes_lost_or_added(rng):
    name, document = any_base(rng)
    raw = bytearray(base_bytes(name))
    place, size = _place(rng, document), rng.choice((1, 2, 4, 7, 8, 16, 100))
    if rng.random() < 0.5:
        del raw[place : place + size]
    else:
        raw[place:place] = rng.randbytes(size)
    return name, bytes(raw)


def wrong_counts(rng):
    name, document = any_base(rng)
    raw = bytearray(base_bytes(name))
    place, real = rng.choice(((8, len(document.tensors)), (16, len(document.pairs))))
    raw[place : place + 8] = struct.pack("<Q", rng.choice((*COUNTS, real - 1, real + 1)))
    return name, bytes(raw)


def wrong_preamble(rng):
    name, _ = any_base(rng)
    raw = base_bytes(name)
    magic = rng.choice(
        (b"GGUF", b"GGUF", b"GGML", b"ggjt", b"FUGG", b"\x1f\x8b\x08\0", b"PK\3\4", b"<htm", b"\0\0\0\0")
    )
    version = rng.choice((0, 1, 4, 255, 1 << 31, (1 << 32) - 1)) if magic == b"GGUF" else 3
    order = rng.choice("<>")
    if magic == b"GGUF" and order == ">":
        version = 3
    return name, magic + struct.pack(order + "I", version) + raw[8:]


def wrong_length(rng):
    """Length of a key, of a string, or of an array."""
    name, document = any_base(rng)
    raw = bytearray(base_bytes(name))
    key, item = rng.choice(document.pairs)
    place = raw.index(writer.string(key))
    if rng.random() < 0.5:
        place += 8 + len(key) + 4  # behind the type
        if item.kind == writer.ARRAY:
            place += 4
    (old,) = struct.unpack_from("<Q", raw, place)
    raw[place : place + 8] = struct.pack("<Q", rng.choice((*COUNTS, (old + 1) % 2**64, (old - 1) % 2**64)))
    return name, bytes(raw)


def wrong_value_type(rng):
    name, document = any_base(rng)
    raw = bytearray(base_bytes(name))
    key, item = rng.choice(document.pairs)
    place = raw.index(writer.string(key)) + 8 + len(key)
    if item.kind == writer.ARRAY and rng.random() < 0.5:
        place += 4
    raw[place : place + 4] = struct.pack("<I", rng.choice((*range(14), 255, (1 << 32) - 1)))
    return name, bytes(raw)


def wrong_alignment(rng):
    name, document = any_base(rng)
    values = (0, 1, 3, 8, 24, 31, 33, 64, 4096, 1 << 20, 1 << 31, (1 << 32) - 1, -1, 32.0, "32", True)
    kept = Typed(writer.INT32, -1) if (value := rng.choice(values)) == -1 else value
    return name, document.setting("general.alignment", kept).to_bytes()


def doubled_key(rng):
    name, document = any_base(rng)
    pairs = list(document.pairs)
    pairs.insert(rng.randrange(len(pairs) + 1), rng.choice(pairs))
    return name, document.with_(pairs=tuple(pairs)).to_bytes()


def doubled_tensor(rng):
    name, document = any_base(rng)
    tensors = list(document.tensors)
    twice = rng.choice(tensors)
    if rng.random() < 0.5:
        tensors.insert(rng.randrange(len(tensors) + 1), twice)
    else:
        tensors[rng.randrange(len(tensors))] = twice
    names = [tensor.name for tensor in tensors]
    if len(set(names)) == len(names):  # it was put in its own place
        tensors.append(twice)
    return name, document.with_(tensors=tuple(tensors)).to_bytes()


def wrong_offset(rng):
    name, document = any_base(rng)
    tensors, place = [], 0
    for tensor in document.tensors:
        tensors.append(replace(tensor, offset=place))
        place += -(-len(tensor.data) // document.alignment) * document.alignment
    chosen = rng.randrange(len(tensors))
    old = tensors[chosen].offset
    new = rng.choice((old + 1, old + 32, old - 32, 0, place, place - 32, place + 4096, *COUNTS, *HUGE))
    tensors[chosen] = replace(tensors[chosen], offset=new if new != old else old + 32)
    return name, document.with_(tensors=tuple(tensors)).to_bytes()


def swapped_offsets(rng):
    name, document = any_base(rng)
    mutant = _offsets(document)
    first, second = rng.sample(range(len(mutant)), 2)
    a, b = mutant[first], mutant[second]
    mutant[first], mutant[second] = replace(a, offset=b.offset), replace(b, offset=a.offset)
    return name, document.with_(tensors=tuple(mutant)).to_bytes()


def _offsets(document):
    tensors, place = [], 0
    for tensor in document.tensors:
        tensors.append(replace(tensor, offset=place))
        place += -(-len(tensor.data) // document.alignment) * document.alignment
    return tensors


def odd_keys(rng):
    """Names that are empty, long, not text, or of a tensor too long for llama.cpp."""
    name, document = any_base(rng)
    odd = rng.choice((b"", b"\xff\xfe", b"\0", b"k" * 65535, b"k" * 65536, b"a\nb", b"\x1b[31mred"))
    if rng.random() < 0.5:
        return name, document.with_(pairs=(*document.pairs, (odd, Typed(writer.UINT32, 1)))).to_bytes()
    tensors = list(document.tensors)
    chosen = rng.randrange(len(tensors))
    long = rng.choice((odd, b"t" * 63, b"t" * 64, b"t" * 200))
    tensors[chosen] = replace(tensors[chosen], name=long)
    return name, document.with_(tensors=tuple(tensors)).to_bytes()


def nested_arrays(rng):
    name, document = any_base(rng)
    raw = document.setting("x.nested", Typed(writer.ARRAY, [1] * 8, writer.UINT32)).to_bytes()
    place = raw.index(writer.string("x.nested")) + 8 + 8 + 4
    depth = rng.choice((1, 2, 3))
    inner = b"".join(struct.pack("<IQ", writer.ARRAY, 1) for _ in range(depth))
    return name, raw[:place] + inner + raw[place:]


def random_bytes(rng):
    head = b"GGUF" + struct.pack("<I", 3) if rng.random() < 0.7 else b""
    return "none", head + rng.randbytes(rng.choice((0, 1, 16, 500, 20_000)))


KINDS = (
    cut, bit_flips, bit_flips, byte_changes, words_overwritten, bytes_lost_or_added, wrong_counts, wrong_preamble,
    wrong_length, wrong_value_type, wrong_alignment, doubled_key, doubled_tensor, wrong_offset, swapped_offsets,
    odd_keys, nested_arrays, random_bytes,
)  # fmt: skip


def _place(rng, document):
    head = len(document.header())
    return rng.randrange(4, min(head, 1500) if rng.random() < 0.4 else head)
