"""Random blocks of every tensor type, with a chosen spread and no number that is not finite.

A quantized weight is scale x code (+ offset). Codes are random bits, all of which are valid. Scales are not: random
bits of an f16 would give infinities and values from 1e-8 to 65504. So each block's f16 scale is set: the wanted
standard deviation over that of the codes, times a random factor between 0.75 and 1.25. Types whose codes are not
symmetric get random signs of the scale, or an offset that centres them, so a tensor has a mean of 0. Block scales of
the k-quantizations lie within a factor of four and above zero. Layouts: ggml/src/ggml-common.h of ggml-org/llama.cpp.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labkit.errors import InputError
from labkit.gguf.tables import TensorType

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
SPREAD = 0.25
PLAIN = ("F32", "F16", "BF16")


def _leave(_blocks: Bytes, _rng: np.random.Generator) -> None:
    """Every bit pattern of these codes is valid and centred."""


def _six_bit_pairs(blocks: Bytes, rng: np.random.Generator) -> None:
    """Q4_K, Q5_K: eight 6-bit scales of 8 to 31 and as many equal minima, packed in 12 bytes behind two f16."""
    scales = rng.integers(8, 32, (len(blocks), 8), dtype=np.uint8)
    low, high = scales[:, :4], scales[:, 4:]
    packed = low | ((high >> 4) << 6)
    blocks[:, 4:8] = packed
    blocks[:, 8:12] = packed
    blocks[:, 12:16] = (high & 15) | ((high & 15) << 4)


def _four_bit_pairs(blocks: Bytes, rng: np.random.Generator) -> None:
    """Q2_K: sixteen 4-bit scales of 4 to 15 and as many equal minima, at the start of the block."""
    scales = rng.integers(4, 16, (len(blocks), 16), dtype=np.uint8)
    blocks[:, :16] = scales | (scales << 4)


def _signed_scales(blocks: Bytes, rng: np.random.Generator) -> None:
    """Q6_K: sixteen scales of 2 to 8, either sign, behind the codes."""
    scales = rng.integers(2, 9, (len(blocks), 16), dtype=np.int8)
    signs = rng.integers(0, 2, scales.shape, dtype=np.int8) * 2 - 1
    blocks[:, 192:208] = (scales * signs).view(np.uint8)


@dataclass(frozen=True, slots=True)
class BlockLayout:
    """Where a type keeps its scale, and how far its codes spread.

    Attributes:
        scale_at: byte of the f16 scale.
        deviation: standard deviation of the weights at a scale of 1.
        signed: the scale gets a random sign, because the codes are not symmetric.
        offset_at: byte of an f16 offset, None for types without.
        offset_ratio: the offset over the scale, so that the codes are centred.
        prepare: sets the block's inner scales.
    """

    scale_at: int
    deviation: float
    signed: bool = False
    offset_at: int | None = None
    offset_ratio: float = 0.0
    prepare: Callable[[Bytes, np.random.Generator], None] = _leave


LAYOUTS: dict[str, BlockLayout] = {
    "Q8_0": BlockLayout(0, 73.9),
    "Q4_0": BlockLayout(0, 4.64, signed=True),
    "Q4_1": BlockLayout(0, 4.61, offset_at=2, offset_ratio=-7.5),
    "Q5_0": BlockLayout(0, 9.25, signed=True),
    "Q5_1": BlockLayout(0, 9.23, offset_at=2, offset_ratio=-15.5),
    "Q2_K": BlockLayout(80, 11.3, offset_at=82, offset_ratio=1.5, prepare=_four_bit_pairs),
    "Q3_K": BlockLayout(108, 43.3),
    "Q4_K": BlockLayout(0, 95.4, offset_at=2, offset_ratio=7.5, prepare=_six_bit_pairs),
    "Q5_K": BlockLayout(0, 191.0, offset_at=2, offset_ratio=15.5, prepare=_six_bit_pairs),
    "Q6_K": BlockLayout(208, 99.5, prepare=_signed_scales),
    "IQ4_NL": BlockLayout(0, 69.8, signed=True),
    "IQ4_XS": BlockLayout(0, 1290.0),
    "IQ3_S": BlockLayout(0, 130.0),
    "IQ3_XXS": BlockLayout(0, 128.0),
    "IQ2_S": BlockLayout(0, 53.0),
    "IQ2_XS": BlockLayout(0, 53.0),
    "IQ2_XXS": BlockLayout(0, 48.5),
    "IQ1_S": BlockLayout(0, 6.9),
    "TQ1_0": BlockLayout(52, 0.82),
    "TQ2_0": BlockLayout(64, 1.22, signed=True),
}


def random_blocks(kind: TensorType, num_blocks: int, deviation: float, rng: np.random.Generator) -> Bytes:
    """`num_blocks` blocks as bytes, shape (num_blocks, block_bytes): mean 0, this standard deviation of the weights.

    Raises InputError for a type that no mixture uses.
    """
    if kind.name in PLAIN:
        return _plain(kind.name, rng.standard_normal(num_blocks, dtype=np.float32) * np.float32(deviation))
    blocks = _random_bytes(num_blocks, kind.block_bytes, rng)
    if kind.name == "MXFP4":
        blocks[:, 0] = _power_of_two_scales(num_blocks, deviation / MXFP4_DEVIATION, rng)
        return blocks
    if kind.name == "IQ1_M":
        _set_hidden_scale(blocks, deviation / IQ1_M_DEVIATION)
        return blocks
    layout = LAYOUTS.get(kind.name)
    if layout is None:
        raise InputError(f"labkit makes no random blocks of type {kind.name}", hint="use Q4_K_M, Q8_0 or F16")
    layout.prepare(blocks, rng)
    factor = rng.uniform(1 - SPREAD, 1 + SPREAD, num_blocks).astype(np.float32)
    if layout.signed:
        factor *= rng.choice(np.array([-1, 1], np.float32), num_blocks)
    scale = factor * np.float32(deviation / layout.deviation)
    _set_f16(blocks, layout.scale_at, scale)
    if layout.offset_at is not None:
        _set_f16(blocks, layout.offset_at, scale * np.float32(layout.offset_ratio))
    return blocks


def plain_values(mean: float, deviation: float, count: int, rng: np.random.Generator) -> Floats:
    """`count` f32 values spread evenly around `mean`: bounded, so a gain or a decay never changes its sign."""
    half_width = deviation * np.sqrt(3.0)
    return rng.uniform(mean - half_width, mean + half_width, count).astype(np.float32)


MXFP4_DEVIATION = 5.85  # of its codes: 0, 1, 2, 3, 4, 6, 8, 12, either sign
MXFP4_BIAS = 128
IQ1_M_DEVIATION = 6.9


def _plain(name: str, values: Floats) -> Bytes:
    if name == "F16":
        return values.astype(np.float16).view(np.uint8).reshape(-1, 2)
    if name == "BF16":
        # The upper half of an f32.
        return np.ascontiguousarray(values.view(np.uint8).reshape(-1, 4)[:, 2:])
    return values.view(np.uint8).reshape(-1, 4)


def _random_bytes(rows: int, columns: int, rng: np.random.Generator) -> Bytes:
    words = rng.integers(0, 2**64 - 1, -(-rows * columns // 8), dtype=np.uint64, endpoint=True)
    return words.view(np.uint8)[: rows * columns].reshape(rows, columns)


def _power_of_two_scales(count: int, scale: float, rng: np.random.Generator) -> Bytes:
    """Exponents of MXFP4: the two powers next to `scale`, mixed so that the variance is that of `scale`."""
    exponent = int(np.floor(np.log2(scale)))
    share = (scale**2 / 4.0**exponent - 1) / 3
    return (MXFP4_BIAS + exponent + (rng.random(count) < share)).astype(np.uint8)


def _set_f16(blocks: Bytes, position: int, values: Floats) -> None:
    blocks[:, position : position + 2] = values.astype("<f2").view(np.uint8).reshape(-1, 2)


def _set_hidden_scale(blocks: Bytes, scale: float) -> None:
    """IQ1_M keeps the four parts of its f16 scale in the top four bits of its last four 16-bit words."""
    bits = int(np.array(scale, "<f2").view(np.uint16))
    for word in range(4):
        high = blocks[:, 48 + 2 * word + 1]
        high &= 15
        high |= (bits >> 4 * word & 15) << 4
