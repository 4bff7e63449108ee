"""Strict, bounded reading of GGUF model files in pure Python: nothing here can crash the process."""

from labkit.gguf.architecture import architecture
from labkit.gguf.facts import FileFacts, file_facts
from labkit.gguf.header import GgufHeader, TensorInfo, read_general, read_header
from labkit.gguf.validate import validate

__all__ = [
    "FileFacts",
    "GgufHeader",
    "TensorInfo",
    "architecture",
    "file_facts",
    "read_general",
    "read_header",
    "validate",
]
