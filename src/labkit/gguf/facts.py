"""What a person wants to know of a model file."""

from dataclasses import dataclass
from pathlib import Path

from labkit.gguf.architecture import architecture
from labkit.gguf.embedding import EmbeddingFacts, embedding_facts
from labkit.gguf.header import GgufHeader, TensorInfo
from labkit.gguf.layer_weights import WeightsByLayer, weights_by_layer
from labkit.gguf.tables import FILE_TYPES, GUESSED
from labkit.model import ModelArchitecture

INPUT_EMBEDDING = "token_embd.weight"
HEAD = "output.weight"
PER_LAYER_EMBEDDING = "per_layer_token_embd.weight"
EXPERTS = "_exps."


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Facts of one GGUF file, all read from its header. Unknown is None.

    Attributes:
        weight_bytes: all tensors together.
        bytes_per_token: weights read for one token: without an untied input embedding, per-layer embedding
            tables (both are read by row) and the experts that are not used.
        host_bytes: of the weights, embeddings that are read by row and stay in system memory.
        expert_bytes: of the weights, all experts of a mixture.
        has_chat_template: None of the API's chat routes works without one.
        types_per_token: of `bytes_per_token`, by tensor type; `expert_types_per_token` the part that is experts.
        head_type: tensor type of the output head; None without one.
        weights_by_layer: of what llama.cpp loads; layers that predict further tokens are not.
    """

    path: Path
    name: str | None
    license: str | None
    quantization: str | None
    file_bytes: int
    weight_bytes: int
    bytes_per_token: int
    host_bytes: int
    expert_bytes: int
    bits_per_weight: float
    has_chat_template: bool
    tokenizer: str | None
    tensor_types: dict[str, int]
    architecture: ModelArchitecture
    embedding: EmbeddingFacts
    types_per_token: dict[str, float]
    expert_types_per_token: dict[str, float]
    head_type: str | None
    weights_by_layer: WeightsByLayer


def file_facts(header: GgufHeader) -> FileFacts:
    """Facts of the file whose header this is. Pure."""
    weight_bytes = sum(tensor.num_bytes for tensor in header.tensors)
    num_elements = sum(tensor.num_elements for tensor in header.tensors)
    shape = architecture(header)
    return FileFacts(
        path=header.path,
        name=header.text("general.name"),
        license=header.text("general.license") or header.text("general.license.name"),
        quantization=quantization(header),
        file_bytes=header.file_bytes,
        weight_bytes=weight_bytes,
        bytes_per_token=round(sum(_types_per_token(header.tensors, shape).values())),
        host_bytes=sum(tensor.num_bytes for tensor in header.tensors if _is_read_by_row(tensor, shape)),
        expert_bytes=sum(tensor.num_bytes for tensor in header.tensors if EXPERTS in tensor.name),
        bits_per_weight=round(weight_bytes * 8 / num_elements, 3) if num_elements else 0.0,
        has_chat_template=header.text("tokenizer.chat_template") is not None,
        tokenizer=header.text("tokenizer.ggml.pre") or header.text("tokenizer.ggml.model"),
        tensor_types=_tensor_types(header.tensors),
        architecture=shape,
        embedding=embedding_facts(header),
        types_per_token=_types_per_token(header.tensors, shape),
        expert_types_per_token=_types_per_token(tuple(filter(_is_expert, header.tensors)), shape),
        head_type=_head_type(header.tensors),
        weights_by_layer=weights_by_layer(header.tensors, shape.num_layers or 0, num_unused_layers(header)),
    )


def num_unused_layers(header: GgufHeader) -> int:
    """Last layers that predict further tokens (MTP); llama.cpp leaves them in the file unless it is asked."""
    return header.integer(f"{header.text('general.architecture')}.nextn_predict_layers") or 0


def quantization(header: GgufHeader) -> str | None:
    """Name of the quantization, such as "Q4_K_M"; what most weights are stored in when the file does not say."""
    stated = header.integer("general.file_type")
    if stated is not None and (name := FILE_TYPES.get(stated % GUESSED)):
        return name
    types = _tensor_types(header.tensors)
    return next(iter(types), None)


def _tensor_types(tensors: tuple[TensorInfo, ...]) -> dict[str, int]:
    """Bytes of each tensor type, most first."""
    totals: dict[str, int] = {}
    for tensor in tensors:
        totals[tensor.type.name] = totals.get(tensor.type.name, 0) + tensor.num_bytes
    return dict(sorted(totals.items(), key=lambda item: -item[1]))


def _types_per_token(tensors: tuple[TensorInfo, ...], shape: ModelArchitecture) -> dict[str, float]:
    """Bytes that one token reads, by tensor type."""
    used_share = shape.experts.num_used / shape.experts.num_experts if shape.experts else 1.0
    totals: dict[str, float] = {}
    for tensor in tensors:
        if not _is_read_by_row(tensor, shape):
            size = tensor.num_bytes * (used_share if _is_expert(tensor) else 1.0)
            totals[tensor.type.name] = totals.get(tensor.type.name, 0.0) + size
    return totals


def _is_expert(tensor: TensorInfo) -> bool:
    return EXPERTS in tensor.name


def _head_type(tensors: tuple[TensorInfo, ...]) -> str | None:
    """Type of the head, which may be the input embedding."""
    types = {tensor.name: tensor.type.name for tensor in tensors}
    return types.get(HEAD) or types.get(INPUT_EMBEDDING)


def _is_read_by_row(tensor: TensorInfo, shape: ModelArchitecture) -> bool:
    return tensor.name == PER_LAYER_EMBEDDING or (tensor.name == INPUT_EMBEDDING and not shape.tied_embeddings)
