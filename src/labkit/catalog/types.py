"""Rows of the catalogue as frozen values. Absent means: not read in any source."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from labkit.catalog.fields import Day, FileName, Identifier, Positive, RepositoryName, Revision, Sha256

Capability = Literal["chat", "tools", "vision", "audio", "reasoning", "code", "fim", "embedding", "rerank"]
FileRole = Literal["model", "projector", "draft"]
AttentionKind = Literal["full", "sliding", "gated_delta_net", "mamba2", "shortconv", "mla", "encoder"]
Thinking = Literal["always", "adjustable", "optional"]


class Row:
    """Keys that a row does not know are errors."""

    __slots__ = ()
    __pydantic_config__: ClassVar = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Experts(Row):
    """Expert block of a mixture-of-experts model."""

    num_experts: Positive
    num_used: Positive
    expert_ffn_size: Positive | None = None
    shared_ffn_size: Positive | None = None


@dataclass(frozen=True, slots=True)
class Shape(Row):
    """Sizes of a model's matrices."""

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
class Attention(Row):
    """How a model remembers: which layers see everything, which a window, which keep a state.

    Attributes:
        global_every: one global layer in so many, the last of each group, or the first with `global_first`.
        attention_every: one attention layer in so many, the others are recurrent.
        cache_tokens: inputs a short convolution looks at.
        shared_kv_layers: the last layers, which use the cache of earlier ones.
    """

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
class Score(Row):
    """A published score. Never compare across benchmarks, and across `mode` and `source` with care.

    Attributes:
        harness: the maker of another model, who measured it; such a score is compared within its source only.
        variant: the sister model that was really measured; such a score ranks nothing.
    """

    benchmark: str
    value: float
    source: str
    mode: str | None = None
    harness: str | None = None
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class CatalogFile(Row):
    """A file on the Hugging Face hub, with the hash its publisher lists.

    Attributes:
        native: the model was trained for this quantization (MXFP4 of gpt-oss, QAT of Gemma), so it loses nothing.
        revision: commit of the repository, where a source names it.
        bytes: exact size, where a source states it.
    """

    repo: RepositoryName
    file: FileName
    sha256: Sha256
    source: str
    role: FileRole = "model"
    quantization: str | None = None
    native: bool = False
    revision: Revision | None = None
    bytes: Positive | None = None
    part: Positive | None = None
    parts: Positive | None = None


@dataclass(frozen=True, slots=True)
class PublishedSize(Row):
    """Size of a file as a public list states it; rounded unless `exact`."""

    quantization: str
    bytes: Positive
    source: str
    repo: RepositoryName | None = None
    file: FileName | None = None
    exact: bool = False
    with_projector: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class CatalogModel(Row):
    """One known model.

    Attributes:
        id: what a person types.
        family: generation it belongs to. Recommendations name one model of each lineage (`Catalog.families`).
        thinking: "always" (it reasons before every answer), "adjustable" (how long can be set), "optional" (it can
            be turned off); None for a model that does not.
        num_parameters: of the whole repository; vision towers and doubled heads count.
        num_text_parameters: of the language model as llama.cpp stores it.
        shape_closes: a file of exactly these shapes has the published parameter count.
        file_patterns: names of its files in `gguf_repos`, with {quant} for the quantization.
        predicted_bytes: size of all tensors by quantization, from dry runs on exactly these shapes.
        sources: where each field was read.
    """

    id: Identifier
    family: str
    license: str
    capabilities: tuple[Capability, ...]
    source_repo: RepositoryName | None = None
    thinking: Thinking | None = None
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
    file_patterns: tuple[str, ...] = ()
    files: tuple[CatalogFile, ...] = ()
    sizes: tuple[PublishedSize, ...] = ()
    predicted_bytes: dict[str, Positive] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def model_files(self) -> tuple[CatalogFile, ...]:
        """Files that can be served: no projectors or drafts, and of files in parts the first."""
        return tuple(file for file in self.files if file.role == "model" and (file.part or 1) == 1)

    @property
    def projectors(self) -> tuple[CatalogFile, ...]:
        """Files that turn images into the model's vectors."""
        return tuple(file for file in self.files if file.role == "projector")


@dataclass(frozen=True, slots=True)
class Family(Row):
    """Generation of a lineage: Qwen 3.5 is followed by Qwen 3.6. Of equals, the later generation goes first."""

    lineage: str
    generation: float


@dataclass(frozen=True, slots=True)
class Loss(Row):
    """What a quantization loses against f16: nats per token, and perplexity; LLaMA 3 8B on Wikitext-2."""

    imatrix: bool
    mean_kl_divergence: float
    perplexity_increase: float


@dataclass(frozen=True, slots=True)
class QuantizationFacts(Row):
    """What a quantization costs and loses.

    Attributes:
        llama_file_type: its number in a GGUF header (`general.file_type`).
        bits_per_weight: (low, high) over dry runs, by kind of shape: "typical", "large_vocabulary" (embedding
            over 8 % of the parameters), "odd_rows" (rows that are no multiple of 256).
        measured_bits_per_weight: of Llama 3.1 8B, by llama.cpp's authors.
        losses: the best published rows, with an importance matrix and without.
    """

    name: str
    llama_file_type: int | None = None
    bits_per_weight: dict[str, tuple[float, float]] = field(default_factory=dict)
    measured_bits_per_weight: float | None = None
    losses: tuple[Loss, ...] = ()
    same_top_token_percent: float | None = None

    @property
    def loss(self) -> Loss | None:
        """The smallest published loss."""
        return min(self.losses, key=lambda loss: loss.mean_kl_divergence, default=None)

    @property
    def mean_kl_divergence(self) -> float | None:
        """Nats per token of the smallest published loss; None when none is published."""
        return self.loss.mean_kl_divergence if self.loss else None
