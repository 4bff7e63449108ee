"""Strict, bounded reading of GGUF model files in pure Python: nothing here can crash the process."""

from labkit.gguf.adapter import validate_adapter
from labkit.gguf.architecture import architecture
from labkit.gguf.embedding import EmbeddingFacts, embedding_facts
from labkit.gguf.facts import FileFacts, file_facts
from labkit.gguf.header import GgufHeader, TensorInfo, read_general, read_header
from labkit.gguf.validate import validate

__all__ = [
    "EmbeddingFacts",
    "FileFacts",
    "GgufHeader",
    "TensorInfo",
    "architecture",
    "embedding_facts",
    "file_facts",
    "read_general",
    "read_header",
    "validate",
    "validate_adapter",
]
