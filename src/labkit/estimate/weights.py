"""Weights of a model: how much memory they take, and how much of them one token reads.

From a file both are exact. For a model that is not on disk they are ranges, and `source` says from what.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from labkit.catalog import CatalogModel, quantizations
from labkit.estimate import mixtures
from labkit.gguf import FileFacts, WeightsByLayer
from labkit.units import MIB

WeightSource = Literal["exact from file", "dry run on these shapes", "published size", "bits per weight"]

METADATA_BYTES = 12 * MIB  # tokenizer and template of a file: 5 to 12 MB over 20 real models
ROUNDING = 0.01  # public lists state sizes with two or three digits
LARGE_VOCABULARY_SHARE = 0.08
BLOCK = 256
FALLBACK_BITS = 8.5
EMBEDDING_BITS = 6.5625  # per-layer embeddings are stored as Q6_K in files of fewer bits


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights at one quantization, in bytes; (low, high) where a range.

    Attributes:
        size_bytes: all of them.
        bytes_per_token: what decoding one token reads.
        host_bytes: of the size, what stays in system memory when all layers are on an accelerator.
        expert_bytes: of the size, all experts of a mixture; 0 for a dense model.
        types_per_token: of the bytes that one token reads, by tensor type, in a consistent scale of its own; empty
            when not known. `expert_types_per_token` is the part that is experts.
        head_type: tensor type of the output head; empty when not known.
        head_bytes: of the output head, where `by_layer` does not say.
        by_layer: what lies in which layer, exact from a file; None for a model that is not on disk.
    """

    quantization: str
    size_bytes: tuple[int, int]
    bytes_per_token: tuple[int, int]
    host_bytes: int
    expert_bytes: int
    source: WeightSource
    types_per_token: Mapping[str, float] = field(default_factory=dict)
    expert_types_per_token: Mapping[str, float] = field(default_factory=dict)
    head_type: str = ""
    head_bytes: int = 0
    by_layer: WeightsByLayer | None = None


def weights_of_file(facts: FileFacts) -> Weights:
    """Exact weights of a GGUF file. Pure."""
    return Weights(
        quantization=facts.quantization or "unknown",
        size_bytes=(facts.weight_bytes, facts.weight_bytes),
        bytes_per_token=(facts.bytes_per_token, facts.bytes_per_token),
        host_bytes=facts.host_bytes,
        expert_bytes=facts.expert_bytes,
        source="exact from file",
        types_per_token=facts.types_per_token,
        expert_types_per_token=facts.expert_types_per_token,
        head_type=facts.head_type or "",
        by_layer=facts.weights_by_layer,
    )


def weights_of_catalog(model: CatalogModel, quantization: str) -> Weights | None:
    """Weights of a catalogue model at a quantization such as "Q4_K_M"; None when nothing is known of its size.

    Best source first: dry run on exactly these shapes, published size of such a file, bits per weight of shapes
    of this kind. Pure.
    """
    found = _size(model, quantization)
    if found is None:
        return None
    (low, high), source = found
    parameters = _parameters(model)
    bits = low * 8 / parameters if parameters else 0.0
    embedding, tables = _embedding_bytes(model, bits), _per_layer_embedding_bytes(model, bits)
    untied_low = 0 if model.shape.tied_embeddings else embedding
    untied_high = embedding if model.shape.tied_embeddings is False else 0
    active = min(1.0, (model.num_active_parameters or parameters) / parameters) if parameters else 1.0
    read = (
        max(round((low - tables) * active) - untied_low, 0),
        max(round((high - tables) * active) - untied_high, 0),
    )
    expert_bytes, hidden = round(_expert_parameters(model) * bits / 8), model.shape.hidden_size
    used = expert_bytes * _used_share(model)
    head = mixtures.head_bytes(quantization, model.shape.vocab_size, hidden)
    return Weights(
        quantization=quantization,
        size_bytes=(low, high),
        bytes_per_token=read,
        host_bytes=untied_high + tables,
        expert_bytes=expert_bytes,
        source=source,
        types_per_token=mixtures.types_per_token(quantization, hidden, head, used, sum(read) / 2),
        expert_types_per_token=mixtures.mixed(mixtures.expert_types(quantization, hidden), used),
        head_type=mixtures.head_type(quantization, hidden),
        head_bytes=round(head),
    )


def _used_share(model: CatalogModel) -> float:
    experts = model.shape.experts
    return experts.num_used / experts.num_experts if experts else 0.0


def _size(model: CatalogModel, quantization: str) -> tuple[tuple[int, int], WeightSource] | None:
    if (predicted := model.predicted_bytes.get(quantization)) is not None:
        return (predicted, predicted + METADATA_BYTES), "dry run on these shapes"
    for size in model.sizes:
        if size.quantization == quantization and not size.with_projector:
            margin = 0 if size.exact else round(size.bytes * ROUNDING)
            return (size.bytes - margin, size.bytes + margin), "published size"
    bits = _bits_per_weight(model, quantization)
    parameters = _parameters(model)
    if bits is None or not parameters:
        return None
    return (round(parameters * bits[0] / 8), round(parameters * bits[1] / 8) + METADATA_BYTES), "bits per weight"


def _bits_per_weight(model: CatalogModel, quantization: str) -> tuple[float, float] | None:
    facts = quantizations().get(quantization)
    kind = _kind(model)
    bits = facts.bits_per_weight.get(kind) if facts else None
    if bits is None or kind != "odd_rows":
        return bits
    # Rows that no k-quantization divides fall back to larger types, an embedding to Q8_0.
    share = _embedding_share(model)
    return bits[0], max(bits[1], bits[1] * (1 - share) + FALLBACK_BITS * share)


def _kind(model: CatalogModel) -> str:
    """Which shapes of `quantizations()` this model is like."""
    shape = model.shape
    experts = shape.experts.expert_ffn_size if shape.experts else None
    if any(size and size % BLOCK for size in (shape.hidden_size, shape.ffn_size, experts)):
        return "odd_rows"
    return "large_vocabulary" if _embedding_share(model) > LARGE_VOCABULARY_SHARE else "typical"


def _embedding_share(model: CatalogModel) -> float:
    elements = (model.shape.vocab_size or 0) * (model.shape.hidden_size or 0)
    return min(elements / _parameters(model), 1.0) if elements and _parameters(model) else 0.0


def _parameters(model: CatalogModel) -> int:
    return model.num_text_parameters or model.num_parameters or 0


def _embedding_bytes(model: CatalogModel, bits: float) -> int:
    return round((model.shape.vocab_size or 0) * (model.shape.hidden_size or 0) * bits / 8)


def _per_layer_embedding_bytes(model: CatalogModel, bits: float) -> int:
    width = (model.attention.per_layer_embedding_size or 0) * (model.shape.num_layers or 0)
    return round(width * (model.shape.vocab_size or 0) * max(bits, EMBEDDING_BITS) / 8)


def _expert_parameters(model: CatalogModel) -> int:
    """Gate, up and down of every expert; a few leading dense layers are counted as if they had experts."""
    shape, experts = model.shape, model.shape.experts
    if experts is None or not experts.expert_ffn_size or not shape.hidden_size or not shape.num_layers:
        return 0
    parameters = 3 * shape.num_layers * experts.num_experts * experts.expert_ffn_size * shape.hidden_size
    return min(parameters, _parameters(model) or parameters)
