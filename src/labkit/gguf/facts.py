"""What a person wants to know of a model file."""

from dataclasses import dataclass
from pathlib import Path

from labkit.gguf.architecture import architecture
from labkit.gguf.embedding import EmbeddingFacts, embedding_facts
from labkit.gguf.header import GgufHeader, TensorInfo
from labkit.gguf.tables import FILE_TYPES, GUESSED
from labkit.model import ModelArchitecture

INPUT_EMBEDDING = "token_embd.weight"
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
        bytes_per_token=_bytes_per_token(header.tensors, shape),
        host_bytes=sum(tensor.num_bytes for tensor in header.tensors if _is_read_by_row(tensor, shape)),
        expert_bytes=sum(tensor.num_bytes for tensor in header.tensors if EXPERTS in tensor.name),
        bits_per_weight=round(weight_bytes * 8 / num_elements, 3) if num_elements else 0.0,
        has_chat_template=header.text("tokenizer.chat_template") is not None,
        tokenizer=header.text("tokenizer.ggml.pre") or header.text("tokenizer.ggml.model"),
        tensor_types=_tensor_types(header.tensors),
        architecture=shape,
        embedding=embedding_facts(header),
    )


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


def _bytes_per_token(tensors: tuple[TensorInfo, ...], shape: ModelArchitecture) -> int:
    used_share = shape.experts.num_used / shape.experts.num_experts if shape.experts else 1.0
    total = 0.0
    for tensor in tensors:
        if not _is_read_by_row(tensor, shape):
            total += tensor.num_bytes * (used_share if EXPERTS in tensor.name else 1.0)
    return round(total)


def _is_read_by_row(tensor: TensorInfo, shape: ModelArchitecture) -> bool:
    return tensor.name == PER_LAYER_EMBEDDING or (tensor.name == INPUT_EMBEDDING and not shape.tied_embeddings)
