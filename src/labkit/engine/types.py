"""What goes into the engine and comes out of it: frozen values."""

from dataclasses import dataclass, field, fields, replace
from typing import Literal

DEFAULT_CELLS = 8192
FinishReason = Literal["stop", "length", "cancelled"]
ConstraintKind = Literal["json_object", "json_schema", "lark"]


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is chosen; defaults are OpenAI's where it has one.

    Attributes:
        temperature: 0 takes the most probable token.
        top_k: keep the k most probable tokens; 0 keeps all.
        top_p: keep the smallest set with this probability mass; 1 keeps all.
        min_p: drop tokens below this share of the best one's probability; 0 keeps all.
        repetition_penalty: divides the logits of tokens seen lately; 1 is off.
        logit_bias: (token id, added to its logit) pairs.
        seed: None draws one.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class SamplingOverrides:
    """What a client asks of the sampling, with the names of SamplingParams; None leaves the model's own default."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    logit_bias: tuple[tuple[int, float], ...] | None = None
    seed: int | None = None

    def over(self, defaults: SamplingParams) -> SamplingParams:
        """`defaults` with everything that is set here."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(defaults, **{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Constraint:
    """A language the output must belong to. `text` is a JSON schema, or a grammar in llguidance's Lark.

    `param` is the request field it comes from, for errors.
    """

    kind: ConstraintKind
    text: str = ""
    param: str = "response_format"


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One sequence to generate.

    Attributes:
        request_id: unique among the running ones.
        prompt: token ids, at least one, already with every special token.
        max_tokens: None generates until the context is full.
        stop: texts that end the answer and are cut off from it.
        ignore_eos: go on after an end-of-generation token (benchmarks).
    """

    request_id: str
    prompt: tuple[int, ...]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    constraint: Constraint | None = None
    ignore_eos: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request. `cached_tokens` of the prompt were not computed again."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Timings:
    """Where one request's time went, in seconds."""

    queue_seconds: float
    prefill_seconds: float
    decode_seconds: float


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """What one step did for one request.

    Every accepted request ends with exactly one event that has `finish_reason` or `error`.

    Attributes:
        text: new text, never half a character; may be empty.
        tokens: ids behind this step (held-back text may lag behind them).
        usage, timings: with the last event only.
    """

    request_id: str
    text: str = ""
    tokens: tuple[int, ...] = ()
    finish_reason: FinishReason | None = None
    error: Exception | None = None
    usage: Usage | None = None
    timings: Timings | None = None

    @property
    def is_last(self) -> bool:
        """Whether the request is over."""
        return self.finish_reason is not None or self.error is not None


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Size of an engine.

    Attributes:
        context_tokens: KV cells shared by all running sequences (llama.cpp's `n_ctx`); None makes room for
            every slot, 8,192 at most (`cells_for`). One sequence never gets longer than the model was trained for.
        num_slots: sequences that run at once (`n_seq_max`).
        batch_tokens: most tokens of one forward (`n_batch`).
        ubatch_tokens: physical micro-batch (`n_ubatch`).
        num_threads: None measures which count is fastest here and now, within about a second.
        max_waiting: requests that may wait for a slot; one more is refused.
        gpu_layers: layers on an accelerator, where the core has one; -1 for all.
    """

    context_tokens: int | None = None
    num_slots: int = 8
    batch_tokens: int = 2048
    ubatch_tokens: int = 512
    num_threads: int | None = None
    max_waiting: int = 64
    gpu_layers: int = -1

    def cells_for(self, trained_tokens: int | None) -> int:
        """KV cells of the context of a model that was trained for `trained_tokens` (None: unknown)."""
        if self.context_tokens is not None:
            return self.context_tokens
        return min((trained_tokens or DEFAULT_CELLS) * self.num_slots, DEFAULT_CELLS)
