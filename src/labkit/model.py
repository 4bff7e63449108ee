"""Facts about models, as plain values: which one, of what shape, at what quantization."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model that is on this machine and can be served.

    Attributes:
        name: what clients send as `model`.
        path: the GGUF file.
        license: SPDX identifier or the vendor's name for it; None when unknown.
        source: where the name was found: "embedded", "data folder" or "path".
    """

    name: str
    path: Path
    license: str | None = None
    source: str = "path"


@dataclass(frozen=True, slots=True)
class MixtureOfExperts:
    """Expert block of a mixture-of-experts model."""

    num_experts: int
    num_used: int
    expert_ffn_size: int | None = None


@dataclass(frozen=True, slots=True)
class ModelArchitecture:
    """Shape of a transformer, as read from a GGUF header or the catalogue. Unknown is None.

    Attributes:
        architecture: llama.cpp's name ("llama", "qwen3", ...).
        context_tokens: longest context the model was trained for.
    """

    architecture: str
    num_layers: int | None = None
    hidden_size: int | None = None
    ffn_size: int | None = None
    num_heads: int | None = None
    num_kv_heads: int | None = None
    head_dim: int | None = None
    vocab_size: int | None = None
    context_tokens: int | None = None
    num_parameters: int | None = None
    experts: MixtureOfExperts | None = None
