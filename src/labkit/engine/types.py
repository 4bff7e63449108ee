"""What goes into the engine and comes out of it: frozen values."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labkit.model import Pooling

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DEFAULT_CELLS = 8192
FinishReason = Literal["stop", "length", "cancelled"]
ConstraintKind = Literal["json_object", "json_schema", "regex", "choice", "lark", "gbnf"]
Lane = Literal["interactive", "normal", "batch"]
EngineKind = Literal["native", "echo"]
CacheTier = Literal["device", "host", "disk"]
StopCause = Literal["end_of_generation", "stop_text", "stop_token", "max_tokens", "context_full", "constraint_complete"]


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is chosen; defaults are OpenAI's where it has one.

    Attributes:
        temperature: 0 takes the most probable token.
        top_k: keep the k most probable tokens; 0 keeps all.
        top_p: keep the smallest set with this probability mass; 1 keeps all.
        min_p: drop tokens below this share of the best one's probability; 0 keeps all.
        typical_p: locally typical sampling (Meister et al. 2022); 1 is off.
        top_n_sigma: keep logits within this many standard deviations of the best; negative is off.
        xtc_probability, xtc_threshold: exclude top choices above the threshold with this probability; 0 is off.
        dry_multiplier: strength of the "don't repeat yourself" penalty on repeated token runs; 0 is off.
        dry_base, dry_allowed_length: growth of that penalty, and the run length that is free.
        penalty_window: tokens that penalties and DRY look back on.
        repetition_penalty: divides the logits of tokens seen lately; 1 is off.
        logit_bias: (token id, added to its logit) pairs.
        seed: None draws one.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    penalty_window: int = 256
    logit_bias: tuple[tuple[int, float], ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class SamplingOverrides:
    """What a client asks of the sampling, with the names of SamplingParams; None leaves the model's own default."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    top_n_sigma: float | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    penalty_window: int | None = None
    logit_bias: tuple[tuple[int, float], ...] | None = None
    seed: int | None = None

    def over(self, defaults: SamplingParams) -> SamplingParams:
        """`defaults` with everything that is set here."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(defaults, **{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Constraint:
    """A language the output must belong to.

    Attributes:
        text: by kind: a JSON schema; a regular expression; a JSON list of strings to choose from; a grammar in
            llguidance's Lark; a grammar in llama.cpp's GBNF. Empty for "json_object".
        param: the request field it comes from, for errors.
    """

    kind: ConstraintKind
    text: str = ""
    param: str = "response_format"


@dataclass(frozen=True, slots=True)
class AdapterUse:
    """A loaded LoRA adapter, by name, at a scale (1 as trained, 0 without effect)."""

    name: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One sequence to generate. n > 1 is n requests with one prompt: the engine computes the prompt once.

    Attributes:
        request_id: unique among the running ones.
        prompt: token ids, at least one, already with every special token.
        max_tokens: None generates until the context is full; 0 only reads the prompt.
        stop: texts that end the answer and are cut off from it.
        ignore_eos: go on after an end-of-generation token (benchmarks).
        logprobs: log-probabilities of each token and this many alternatives; None computes none.
        prompt_logprobs: the same for each token of the prompt but the first, which nothing predicts.
        min_tokens: no end-of-generation token, and no stop, before so many.
        stop_token_ids: tokens that end the answer, and are no part of its text.
        show_control: control tokens are part of the text, for a reader who knows them.
        adapters: applied together; KV cells are shared only among requests with the same ones.
        tenant: KV cells are shared only among requests of one tenant.
        lane: interactive before normal before batch, for slots, prompts and preemption.
        reuse: take cells from the cache, and leave some there (False: a cold run, for measurements).
    """

    request_id: str
    prompt: tuple[int, ...]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    constraint: Constraint | None = None
    ignore_eos: bool = False
    logprobs: int | None = None
    adapters: tuple[AdapterUse, ...] = ()
    tenant: str = ""
    lane: Lane = "normal"
    reuse: bool = True
    prompt_logprobs: int | None = None
    min_tokens: int = 0
    stop_token_ids: tuple[int, ...] = ()
    show_control: bool = False


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """Natural log-probability of a token before any sampling parameter, and of the most probable ones instead.

    `top` is (token, log-probability), best first, as many as were asked for.
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request.

    Attributes:
        cached_tokens: of the prompt, not computed again; they came from `cached_from`.
        drafted_tokens, accepted_tokens: proposed by speculation, and those the model agreed with.
        reasoning_tokens: of the completion, thought before the answer (known to whoever reads the text).
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    cached_from: CacheTier | None = None
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Company:
    """What else was computed beside one request.

    Attributes:
        request_ids: others in the same forwards, the first 16 of them.
        most: the largest number of others in one forward.
        mean_batch: sequences in a forward, itself included, on average.
        num_forwards: forwards it took part in.
        num_preemptions: how often it gave its cells back and was computed again.
    """

    request_ids: tuple[str, ...] = ()
    most: int = 0
    mean_batch: float = 0.0
    num_forwards: int = 0
    num_preemptions: int = 0


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
        tokens: ids behind this step (held-back text may lag behind them); several where speculation succeeded.
        logprobs: one for each of `tokens`, where the request asked for them.
        prompt_logprobs: of the prompt's tokens from the second on, with the first event, where they were asked for.
        stop_cause, stop_text: what ended it, and the stop text it ended at; with the last event only.
        usage, timings, company: with the last event only.
    """

    request_id: str
    text: str = ""
    tokens: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    error: Exception | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    prompt_logprobs: tuple[TokenLogprob, ...] = ()
    stop_cause: StopCause | None = None
    stop_text: str = ""
    company: Company | None = None

    @property
    def is_last(self) -> bool:
        """Whether the request is over."""
        return self.finish_reason is not None or self.error is not None


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Inputs to turn into vectors, or into scores where the model ranks.

    Attributes:
        request_id: unique among the running ones.
        inputs: token ids of each, at least one, already with every special token.
        dimensions: keep the first so many numbers of each vector, for models trained to allow that (Matryoshka);
            None keeps all.
        normalize: scale each vector to length 1, after the cut.
        param: the request field the inputs come from, for errors.
    """

    request_id: str
    inputs: tuple[tuple[int, ...], ...]
    dimensions: int | None = None
    normalize: bool = True
    param: str = "input"


@dataclass(frozen=True, slots=True)
class EmbeddingEvent:
    """Results of one forward for one request.

    Every accepted request ends with exactly one event that has `finish_reason` or `error`.

    Attributes:
        vectors: (number of the input, its vector), in any order; each input comes once.
        usage, timings: with the last event only.
    """

    request_id: str
    vectors: "tuple[tuple[int, npt.NDArray[np.float32]], ...]" = ()
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
        num_slots: sequences that run at once.
        cached_slots: finished sequences whose cells are kept for reuse, beside the running ones; None chooses by
            the model's kind of memory (`n_seq_max` is the sum).
        batch_tokens: most tokens of one forward (`n_batch`).
        ubatch_tokens: physical micro-batch (`n_ubatch`).
        num_threads: None measures which count is fastest here and now, and adapts it while the engine runs.
        max_threads: most threads that measuring may choose (a control group's quota); None for all cores.
        max_waiting: requests that may wait for a slot; one more is refused.
        max_wait_seconds: a request that waited this long for a slot is refused; None waits for ever.
        itl_target_seconds: prompt chunks beside running streams are sized so that a step takes about this long.
        cache_bytes: most bytes of device KV cells kept for finished sequences; None chooses (`capacity.CacheBudget`).
        host_cache_bytes: budget of the second tier, in the memory of the process; 0 turns it off, None chooses.
        host_cache_limit_bytes: most that is chosen then; None leaves it to the rule.
        disk_cache_bytes, disk_cache_folder: budget and place of the third tier, which survives a restart.
        speculation: "prompt" proposes tokens from the text so far where that pays; "draft" asks a small model.
        draft_model: path of the small model.
        audit_share: share of cache hits that are computed again cold, to compare logits.
        gpu_layers: layers on an accelerator, where the core has one; -1 for all.
        embeddings: give embeddings too, from a model that was made to generate; embedding models always do.
        pooling: how token vectors become one; None takes what the file says, or else "last" for causal models.
        engine: "echo" computes nothing and answers with the prompt, to prove that nothing crosses between requests.
    """

    context_tokens: int | None = None
    num_slots: int = 8
    cached_slots: int | None = None
    batch_tokens: int = 2048
    ubatch_tokens: int = 512
    num_threads: int | None = None
    max_threads: int | None = None
    max_waiting: int = 64
    max_wait_seconds: float | None = None
    itl_target_seconds: float = 0.5
    cache_bytes: int | None = None
    host_cache_bytes: int | None = None
    host_cache_limit_bytes: int | None = None
    disk_cache_bytes: int = 0
    disk_cache_folder: Path | None = None
    speculation: Literal["off", "prompt", "draft"] = "prompt"
    draft_model: Path | None = None
    audit_share: float = 0.0
    gpu_layers: int = -1
    embeddings: bool = False
    pooling: Pooling | None = None
    engine: EngineKind = "native"

    def cells_for(self, trained_tokens: int | None) -> int:
        """KV cells of the context of a model that was trained for `trained_tokens` (None: unknown)."""
        if self.context_tokens is not None:
            return self.context_tokens
        return min((trained_tokens or DEFAULT_CELLS) * self.num_slots, DEFAULT_CELLS)
