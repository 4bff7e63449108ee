"""Facts about models, as plain values: which one, of what shape, at what quantization."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Pooling = Literal["none", "mean", "cls", "last", "rank"]
"""How the vectors of an input's tokens become one: "rank" adds the model's head for scores."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model that is on this machine and can be served.

    Attributes:
        name: what clients send as `model`.
        path: the GGUF file.
        license: SPDX identifier or the vendor's name for it; None when unknown.
        source: where the name was found: "embedded", "store", "data folder" or "path".
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
class LayerMemory:
    """What one layer remembers of a sequence. A layer that keeps nothing, or uses another's cache, is all zeros.

    Attributes:
        key_size: elements of K per cell, all KV heads together (with MLA: the compressed row).
        value_size: elements of V per cell; 0 with MLA.
        window_tokens: how far sliding-window attention looks back; None looks at everything.
        state_size: f32 elements of recurrent state per sequence, whatever the context.
    """

    key_size: int = 0
    value_size: int = 0
    window_tokens: int | None = None
    state_size: int = 0


@dataclass(frozen=True, slots=True)
class ModelArchitecture:
    """Shape of a transformer, as read from a GGUF header or the catalogue. Unknown is None.

    Attributes:
        architecture: llama.cpp's name ("llama", "qwen3", ...).
        ffn_size: the largest dense feed-forward layer.
        head_dim: the largest key head of any layer (with MLA: the compressed row).
        context_tokens: longest context the model was trained for.
        embedding_size: length of the vectors an embedding model returns.
        tied_embeddings: whether the output head is the input embedding.
        per_layer_embedding_size: width of a table that is read row by row and stays in RAM (Gemma 3n and 4).
        layers: what each layer remembers; counts are right, the order may be unknown. None when unknown.
        layers_unknown: why `layers` is None.
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
    embedding_size: int | None = None
    tied_embeddings: bool | None = None
    per_layer_embedding_size: int | None = None
    layers: tuple[LayerMemory, ...] | None = None
    layers_unknown: str = ""
