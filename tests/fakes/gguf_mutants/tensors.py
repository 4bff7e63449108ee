"""Damage to tensors: shapes, types, data that is no number, tensors that are missing, extra or renamed."""

import struct
from dataclasses import replace

from fakes.gguf_mutants.bases import any_base
from fakes.gguf_mutants.document import BLOCKS, data_bytes
from fakes.gguf_mutants.numbers import HUGE

_NOT_FINITE = {0: ("<f", 4), 1: ("<e", 2), 8: ("<e", 34)}  # Q8_0 begins its block with an f16 scale


def _changed(document, index, tensor):
    tensors = list(document.tensors)
    tensors[index] = tensor
    return document.with_(tensors=tuple(tensors)).to_bytes()


def _fitted(tensor, dimensions, kind):
    """The tensor in another shape or type, with as much data as that takes."""
    size = data_bytes(dimensions, kind)
    return replace(
        tensor, dimensions=dimensions, kind=kind, data=(tensor.data * (size // max(len(tensor.data), 1) + 1))[:size]
    )


def impossible_shape(rng):
    """In the table only: the data stays."""
    name, document = any_base(rng)
    index = rng.randrange(len(document.tensors))
    tensor = document.tensors[index]
    dimensions = list(tensor.dimensions)
    dimensions[rng.randrange(len(dimensions))] = rng.choice((0, 1 << 20, *HUGE))
    if rng.random() < 0.2:
        dimensions += [1] * rng.choice((3, 4, 5)) if rng.random() < 0.5 else [1 << 32, 1 << 32]
    return name, _changed(document, index, replace(tensor, dimensions=tuple(dimensions)))


def other_shape(rng):
    """A whole tensor of a size that the model does not expect."""
    name, document = any_base(rng)
    index = rng.randrange(len(document.tensors))
    tensor = document.tensors[index]
    block = BLOCKS[tensor.kind][0]
    dimensions = list(tensor.dimensions)
    action = rng.randrange(6)
    if action == 0:
        dimensions.reverse()
    elif action == 1:
        dimensions[-1] = max(1, dimensions[-1] + rng.choice((-1, 1, dimensions[-1])))
    elif action == 2:
        dimensions[0] = max(block, dimensions[0] + rng.choice((-block, block)))
    elif action == 3:
        dimensions.append(rng.choice((1, 2)))
    elif action == 4:
        dimensions = dimensions[:1]
    else:
        dimensions = [block, *dimensions]
    dimensions = dimensions[:4]
    dimensions[0] = -(-dimensions[0] // block) * block
    return name, _changed(document, index, _fitted(tensor, tuple(dimensions), tensor.kind))


def other_type(rng):
    """A whole tensor stored in a type that does not suit it."""
    name, document = any_base(rng)
    index = rng.randrange(len(document.tensors))
    tensor = document.tensors[index]
    kinds = [kind for kind, (block, _) in BLOCKS.items() if kind != tensor.kind and tensor.dimensions[0] % block == 0]
    return name, _changed(document, index, _fitted(tensor, tensor.dimensions, rng.choice(kinds)))


def other_type_everywhere(rng):
    """All matrices, or all vectors, in another type."""
    name, document = any_base(rng)
    wanted, vectors = rng.choice(list(BLOCKS)), rng.random() < 0.5
    block = BLOCKS[wanted][0]
    tensors = tuple(
        _fitted(tensor, tensor.dimensions, wanted)
        if (len(tensor.dimensions) == 1) == vectors and tensor.dimensions[0] % block == 0 else tensor
        for tensor in document.tensors
    )  # fmt: skip
    return name, document.with_(tensors=tensors).to_bytes()


def unknown_type(rng):
    """A number that names no type, or one that was taken out of the format."""
    name, document = any_base(rng)
    index = rng.randrange(len(document.tensors))
    kind = rng.choice((4, 5, 31, 32, 33, 36, 37, 38, 43, 60, 255, (1 << 31), (1 << 32) - 1))
    return name, _changed(document, index, replace(document.tensors[index], kind=kind))


def not_finite(rng):
    """Weights that are NaN or infinite: one, a few, or a whole tensor."""
    name, document = any_base(rng)
    choices = [index for index, tensor in enumerate(document.tensors) if tensor.kind in _NOT_FINITE]
    index = rng.choice(choices)
    tensor = document.tensors[index]
    code, stride = _NOT_FINITE[tensor.kind]
    data = bytearray(tensor.data)
    bad = struct.pack(code, rng.choice((float("nan"), float("inf"), -float("inf"))))
    blocks = len(data) // stride
    for block in range(blocks) if rng.random() < 0.5 else (rng.randrange(blocks) for _ in range(3)):
        data[block * stride : block * stride + len(bad)] = bad
    return name, _changed(document, index, replace(tensor, data=bytes(data)))


def random_weights(rng):
    """Bits that nobody chose: some of them are no numbers, some are huge."""
    name, document = any_base(rng)
    index = rng.randrange(len(document.tensors))
    tensor = document.tensors[index]
    return name, _changed(document, index, replace(tensor, data=rng.randbytes(len(tensor.data))))


def missing(rng):
    name, document = any_base(rng)
    tensors = list(document.tensors)
    for _ in range(rng.choice((1, 1, 2, len(tensors) // 2))):
        del tensors[rng.randrange(len(tensors))]
    return name, document.with_(tensors=tuple(tensors)).to_bytes()


def renamed(rng):
    name, document = any_base(rng)
    index = rng.randrange(len(document.tensors))
    old = document.tensors[index].name
    new = rng.choice((
        old + b"x", old.replace(b"blk.0", b"blk.7"), old.replace(b"blk.0", b"blk.-1"), old.replace(b"weight", b"bias"),
        b"blk.99999999999999999999.attn_q.weight", b"blk..weight", old[:-1],
    ))  # fmt: skip
    if new in {tensor.name for tensor in document.tensors}:
        new += b".x"
    return name, _changed(document, index, replace(document.tensors[index], name=new))


def swapped_names(rng):
    name, document = any_base(rng)
    tensors = list(document.tensors)
    first, second = rng.sample(range(len(tensors)), 2)
    a, b = tensors[first], tensors[second]
    tensors[first], tensors[second] = replace(a, name=b.name), replace(b, name=a.name)
    return name, document.with_(tensors=tuple(tensors)).to_bytes()


def extra(rng):
    """Tensors that the architecture has optionally, in a shape that does not suit."""
    name, document = any_base(rng)
    model = rng.choice(document.tensors)
    added = replace(model, name=rng.choice((
        b"rope_freqs.weight", b"output.bias", b"blk.0.attn_q.bias", b"blk.0.attn_k.bias", b"blk.0.attn_qkv.weight",
        b"blk.0.attn_q_norm.weight", b"blk.0.ffn_gate_inp.weight", b"blk.0.attn_sinks.weight", b"blk.0.ffn_up.bias",
        b"blk.0.attn_q.scale", b"cls.weight", b"cls.output.weight", b"token_types.weight", b"unknown.weight",
        b"blk.0.attn_rot_embd.weight", b"rope_factors_long.weight", b"rope_factors_short.weight",
    )))  # fmt: skip
    tensors = tuple(tensor for tensor in document.tensors if tensor.name != added.name)
    return name, document.with_(tensors=(*tensors, added)).to_bytes()


KINDS = (
    impossible_shape, other_shape, other_shape, other_type, other_type, other_type_everywhere, unknown_type,
    not_finite, random_weights, missing, renamed, swapped_names, extra,
)  # fmt: skip
