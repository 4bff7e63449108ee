"""Rows of the catalogue as frozen values. Absent means: not read in any source."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,95}$")]
RepositoryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*){0,3}\.gguf$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Positive = Annotated[int, Field(gt=0)]
Capability = Literal["chat", "tools", "vision", "audio", "reasoning", "code", "fim", "embedding", "rerank"]
FileRole = Literal["model", "projector", "draft"]
AttentionKind = Literal["full", "sliding", "gated_delta_net", "mamba2", "shortconv", "mla", "encoder"]

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Experts:
    """Expert block of a mixture-of-experts model."""

    __pydantic_config__ = _STRICT
    num_experts: Positive
    num_used: Positive
    expert_ffn_size: Positive | None = None
    shared_ffn_size: Positive | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a model's matrices."""

    __pydantic_config__ = _STRICT
    num_layers: Positive | None = None
    hidden_size: Positive | None = None
    ffn_size: Positive | None = None
    num_heads: Positive | None = None
    num_kv_heads: Positive | None = None
    head_dim: Positive | None = None
    vocab_size: Positive | None = None
    tied_embeddings: bool | None = None
    experts: Experts | None = None


@dataclass(frozen=True, slots=True)
class Attention:
    """How a model remembers: which layers see everything, which a window, which keep a state.

    Attributes:
        global_every: one global layer in so many, the last of each group, or the first with `global_first`.
        attention_every: one attention layer in so many, the others are recurrent.
        cache_tokens: inputs a short convolution looks at.
        shared_kv_layers: the last layers, which use the cache of earlier ones.
    """

    __pydantic_config__ = _STRICT
    kind: AttentionKind
    window_tokens: Positive | None = None
    global_every: Positive | None = None
    global_first: bool = False
    head_dim_global: Positive | None = None
    num_kv_heads_global: Positive | None = None
    shared_kv_layers: int = 0
    per_layer_embedding_size: Positive | None = None
    attention_every: Positive | None = None
    attention_layers: int | None = None
    recurrent_layers: int | None = None
    conv_kernel: Positive | None = None
    inner_size: Positive | None = None
    state_size: Positive | None = None
    num_groups: Positive | None = None
    cache_tokens: Positive | None = None
    kv_lora_rank: Positive | None = None
    rope_dim: Positive | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """A published score. Never compare across benchmarks, and across `mode` and `source` with care."""

    __pydantic_config__ = _STRICT
    benchmark: str
    value: float
    source: str
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """A file on the Hugging Face hub, with the hash its publisher lists."""

    __pydantic_config__ = _STRICT
    repo: RepositoryName
    file: FileName
    sha256: Sha256
    source: str
    role: FileRole = "model"
    quantization: str | None = None
    part: Positive | None = None
    parts: Positive | None = None


@dataclass(frozen=True, slots=True)
class PublishedSize:
    """Size of a file as a public list states it; rounded unless `exact`."""

    __pydantic_config__ = _STRICT
    quantization: str
    bytes: Positive
    source: str
    repo: RepositoryName | None = None
    file: FileName | None = None
    exact: bool = False
    with_projector: bool = False


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """One known model.

    Attributes:
        id: what a person types.
        family: generation it belongs to; recommendations name one model of each.
        num_parameters: of the whole repository; vision towers and doubled heads count.
        num_text_parameters: of the language model as llama.cpp stores it.
        shape_closes: a file of exactly these shapes has the published parameter count.
        predicted_bytes: size of all tensors by quantization, from dry runs on exactly these shapes.
        sources: where each field was read.
    """

    __pydantic_config__ = _STRICT
    id: Identifier
    family: str
    license: str
    capabilities: tuple[Capability, ...]
    source_repo: RepositoryName | None = None
    release_date: Day | None = None
    context_tokens: Positive | None = None
    embedding_size: Positive | None = None
    num_parameters: Positive | None = None
    num_text_parameters: Positive | None = None
    num_active_parameters: Positive | None = None
    shape_closes: bool | None = None
    shape: Shape = field(default_factory=Shape)
    attention: Attention = field(default_factory=lambda: Attention("full"))
    scores: tuple[Score, ...] = ()
    gguf_repos: tuple[RepositoryName, ...] = ()
    files: tuple[CatalogFile, ...] = ()
    sizes: tuple[PublishedSize, ...] = ()
    predicted_bytes: dict[str, Positive] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def model_files(self) -> tuple[CatalogFile, ...]:
        """Files that can be served: no projectors or drafts, and of files in parts the first."""
        return tuple(file for file in self.files if file.role == "model" and (file.part or 1) == 1)


@dataclass(frozen=True, slots=True)
class QuantizationFacts:
    """What a quantization costs and loses.

    Attributes:
        bits_per_weight: (low, high) over dry runs, by kind of shape: "typical", "large_vocabulary" (embedding
            over 8 % of the parameters), "odd_rows" (rows that are no multiple of 256).
        mean_kl_divergence: against f16, LLaMA 3 8B on Wikitext-2; the common measure of loss.
        imatrix: whether that row used an importance matrix.
    """

    __pydantic_config__ = _STRICT
    name: str
    bits_per_weight: dict[str, tuple[float, float]] = field(default_factory=dict)
    mean_kl_divergence: float | None = None
    perplexity_increase: float | None = None
    same_top_token_percent: float | None = None
    imatrix: bool | None = None
