"""Strict, bounded reading of GGUF model files in pure Python: nothing here can crash the process."""

from labkit.gguf.adapter import validate_adapter
from labkit.gguf.architecture import architecture
from labkit.gguf.embedding import EmbeddingFacts, embedding_facts
from labkit.gguf.facts import FileFacts, file_facts
from labkit.gguf.header import GgufHeader, TensorInfo, parse_header, read_general, read_header
from labkit.gguf.layer_weights import LayerWeights, WeightsByLayer, weights_by_layer
from labkit.gguf.validate import check_header, validate

__all__ = [
    "EmbeddingFacts",
    "FileFacts",
    "GgufHeader",
    "LayerWeights",
    "TensorInfo",
    "WeightsByLayer",
    "architecture",
    "check_header",
    "embedding_facts",
    "file_facts",
    "parse_header",
    "read_general",
    "read_header",
    "validate",
    "validate_adapter",
    "weights_by_layer",
]
