"""Which tensor types a file of a quantization is made of, for a model that is not on disk. Pure.

A file named Q4_K_M is a mixture. The shares are of the bytes in the layers: medians over the catalogue's shapes, whose
types follow llama_tensor_get_type (src/llama-quant.cpp of llama.cpp, as vendored in llama-cpp-python 0.3.36). A test
holds them against `labkit.engine.synthetic`, which plans every tensor. Rows that 256 does not divide get other types.
"""

from collections.abc import Mapping

from labkit.gguf.tables import TENSOR_TYPES

BITS = {kind.name: kind.bits_per_weight for kind in TENSOR_TYPES.values()}
BLOCK = 256
# Types of the layers, most first; what is missing to 1 is of the first.
MIXTURES: dict[str, dict[str, float]] = {
    "Q5_K_M": {"Q5_K": 0.83, "Q6_K": 0.17},
    "Q4_K_S": {"Q4_K": 0.96, "Q5_K": 0.04},
    "Q4_K_M": {"Q4_K": 0.80, "Q6_K": 0.20},
    "Q3_K_M": {"Q3_K": 0.57, "Q4_K": 0.41, "Q5_K": 0.02},
    "Q3_K_L": {"Q3_K": 0.52, "Q5_K": 0.48},
    "Q2_K": {"Q2_K": 0.57, "Q3_K": 0.41, "Q4_K": 0.02},
    "Q2_K_S": {"Q2_K": 0.92, "Q4_K": 0.08},
    "IQ4_NL": {"IQ4_NL": 0.95, "Q5_K": 0.05},
    "IQ4_XS": {"IQ4_XS": 0.94, "Q5_K": 0.06},
    "IQ3_M": {"IQ3_S": 0.83, "Q4_K": 0.17},
    "IQ3_S": {"IQ3_S": 0.99, "Q4_K": 0.01},
    "IQ3_XS": {"IQ3_S": 0.52, "IQ3_XXS": 0.47, "Q4_K": 0.01},
    "IQ3_XXS": {"IQ3_XXS": 0.54, "Q3_K": 0.25, "IQ3_S": 0.08, "IQ2_S": 0.07, "Q4_K": 0.06},
    "IQ2_M": {"IQ2_S": 0.84, "IQ3_S": 0.14, "Q4_K": 0.02},
    "IQ2_S": {"IQ2_XS": 0.82, "IQ3_S": 0.16, "Q4_K": 0.02},
    "IQ2_XS": {"IQ2_XS": 0.94, "Q2_K": 0.04, "Q4_K": 0.02},
    "IQ2_XXS": {"IQ2_XXS": 0.94, "Q2_K": 0.04, "Q4_K": 0.02},
    "IQ1_M": {"IQ1_M": 0.85, "IQ2_XXS": 0.08, "Q2_K": 0.05, "Q4_K": 0.02},
    "IQ1_S": {"IQ1_S": 0.83, "IQ2_XXS": 0.09, "Q2_K": 0.05, "Q4_K": 0.03},
    "Q5_K_S": {"Q5_K": 1.0},
    "Q3_K_S": {"Q3_K": 1.0},
    "MXFP4": {"Q8_0": 1.0},  # and experts of MXFP4
}
_HEADS = {"F32": "F32", "F16": "F16", "BF16": "BF16", "Q8_0": "Q8_0", "MXFP4": "Q8_0"}
_SMALL_HEADS = {"IQ3_XXS", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S"}
# What takes the place of types of 256-blocks in rows that 256 does not divide.
_SMALL_BLOCK = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0", "Q2_K": "Q4_0", "Q3_K": "Q4_0"}
_ODD_SHARE = 0.72  # of the bytes of a layer: all matrices but the one whose rows are the wide ones


def layer_types(quantization: str, hidden_size: int | None) -> dict[str, float]:
    """Shares of the bytes in the layers by tensor type, adding up to 1."""
    mixture = MIXTURES.get(quantization, {quantization: 1.0})
    if hidden_size is None or hidden_size % BLOCK == 0:
        return mixture
    # The other types are mostly those of the matrix with wide rows, which 256 divides.
    base, share = next(iter(mixture.items()))
    small = _SMALL_BLOCK.get(base, "IQ4_NL" if base.startswith("IQ") else base)
    replaced = min(share, _ODD_SHARE)
    others = {name: value for name, value in mixture.items() if name != base}
    found = {small: replaced} | others
    found[base] = found.get(base, 0.0) + share - replaced
    return found


def head_type(quantization: str, hidden_size: int | None) -> str:
    """Tensor type of the output head."""
    if quantization in _HEADS:
        return _HEADS[quantization]
    if hidden_size is not None and hidden_size % BLOCK:
        return "Q8_0"
    return "Q5_K" if quantization in _SMALL_HEADS else "Q6_K"


def expert_types(quantization: str, hidden_size: int | None) -> dict[str, float]:
    """Shares of the experts' bytes by tensor type."""
    return {"MXFP4": 1.0} if quantization == "MXFP4" else layer_types(quantization, hidden_size)


def head_bytes(quantization: str, vocab_size: int | None, hidden_size: int | None) -> float:
    """Bytes of the output head."""
    bits = BITS.get(head_type(quantization, hidden_size), BITS["Q6_K"])
    return (vocab_size or 0) * (hidden_size or 0) * bits / 8


def types_per_token(
    quantization: str, hidden_size: int | None, head: float, experts: float, total: float
) -> dict[str, float]:
    """`total` bytes by tensor type, of which `head` and `experts` bytes are of those parts."""
    found: dict[str, float] = {}
    parts = (
        ({head_type(quantization, hidden_size): 1.0}, min(head, total)),
        (expert_types(quantization, hidden_size), experts),
        (layer_types(quantization, hidden_size), max(total - head - experts, 0.0)),
    )
    for shares, size in parts:
        for name, value in mixed(shares, size).items():
            found[name] = found.get(name, 0.0) + value
    return {name: size for name, size in found.items() if size}


def mixed(shares: Mapping[str, float], size: float) -> dict[str, float]:
    """`size` bytes split by these shares."""
    return {name: size * share for name, share in shares.items()}
