"""What the front and a worker say to each other: frozen values, JSON on the wire.

Front -> worker: Generate, Embed, Rerank, Cancel, Shutdown. Worker -> front: Ready or LoadFailed once, then Step (one
per engine step, with every sequence's news), Embedded and Pulse (liveness). A request that was sent ends with exactly
one Delta or Embedded for which `is_last` is true.

The values are msgspec structs, written as arrays: one of them crosses the wire for every token.
"""

from typing import Any, Literal

from msgspec import Struct, field

from labkit.engine.types import AdapterUse, Constraint, FinishReason, Lane, SamplingOverrides, Timings, Usage

Capability = Literal["chat", "embeddings", "rerank"]
WireFinishReason = Literal["stop", "length", "tool_calls", "cancelled"]


class _Value(Struct, frozen=True, array_like=True):
    """A part of a message."""


class _Message(_Value, frozen=True, array_like=True, tag=True):
    """A whole message, told from others by its class name."""


class Generate(_Message, frozen=True, array_like=True, tag=True):
    """Answer a conversation.

    Attributes:
        messages: OpenAI chat messages; `content` is text or None (parts are joined by the front), tool-call
            arguments are JSON text as clients send them.
        tools: OpenAI tool definitions.
        tool_choice: "auto", "none", "required", or the name of a tool after "name:".
        response_schema: JSON schema the whole answer must satisfy; {} for any JSON object; None for free text.
        constraint: any other language the whole answer must belong to; not beside response_schema.
        num_choices: answers to generate from the one prompt; the seed of each is one above that of the one before.
        logprobs: log-probabilities of each token and this many alternatives; None for none.
    """

    request_id: str
    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    response_schema: dict[str, Any] | None = None
    sampling: SamplingOverrides = field(default_factory=SamplingOverrides)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    constraint: Constraint | None = None
    num_choices: int = 1
    logprobs: int | None = None
    adapters: tuple[AdapterUse, ...] = ()
    lane: Lane = "normal"
    reuse: bool = True


class Embed(_Message, frozen=True, array_like=True, tag=True):
    """Turn each input into a vector.

    Attributes:
        inputs: texts, or token ids that are taken as they are.
        dimensions: keep the first so many numbers of each vector; None keeps all.
        normalize: scale each vector to length 1.
    """

    request_id: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    normalize: bool = True


class Rerank(_Message, frozen=True, array_like=True, tag=True):
    """Score each document by how well it answers the query."""

    request_id: str
    query: str
    documents: tuple[str, ...]


class Cancel(_Message, frozen=True, array_like=True, tag=True):
    """Stop a request; unknown ids are ignored (it may have ended meanwhile)."""

    request_id: str


class Shutdown(_Message, frozen=True, array_like=True, tag=True):
    """End every request with finish_reason "cancelled" and leave."""


class ToolCallDelta(_Value, frozen=True, array_like=True):
    """News of one tool call: `id` and `name` come with the first delta of an `index`, then argument text."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class ErrorInfo(_Value, frozen=True, array_like=True):
    """An error of labkit's tree on the wire. `kind` is the class name in `labkit.errors`."""

    kind: str
    message: str
    hint: str = ""
    param: str | None = None
    code: str | None = None
    retry_after_seconds: int | None = None


class TokenText(_Value, frozen=True, array_like=True):
    """A token's bytes (part of a character, perhaps) and its natural log-probability."""

    bytes: bytes
    logprob: float


class LogprobEntry(_Value, frozen=True, array_like=True):
    """The token that was chosen, and the most probable ones, best first, as many as were asked for."""

    chosen: TokenText
    top: tuple[TokenText, ...] = ()


class Delta(_Value, frozen=True, array_like=True):
    """What one step (or several, when their reader was behind) did for one choice of a request.

    Attributes:
        choice: which of the request's answers, from 0.
        finish_reason: this choice is over.
        num_open: choices of the request that are not over after this.
        error: the whole request is over.
        usage, timings: of the whole request, with its last delta.
    """

    request_id: str
    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    num_tokens: int = 0
    finish_reason: WireFinishReason | None = None
    error: ErrorInfo | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    choice: int = 0
    num_open: int = 0
    logprobs: tuple[LogprobEntry, ...] = ()

    @property
    def is_last(self) -> bool:
        """Whether the request is over."""
        return (self.finish_reason is not None and self.num_open == 0) or self.error is not None


class Embedded(_Message, frozen=True, array_like=True, tag=True):
    """Results of one forward for an Embed or a Rerank; like a Delta, the last one says so.

    Attributes:
        indexes: which inputs (or documents) these are.
        vectors: one for each of `indexes`, as little-endian float32; for a Rerank the outputs of the head.
    """

    request_id: str
    indexes: tuple[int, ...] = ()
    vectors: tuple[bytes, ...] = ()
    finish_reason: FinishReason | None = None
    error: ErrorInfo | None = None
    usage: Usage | None = None
    timings: Timings | None = None

    @property
    def is_last(self) -> bool:
        """Whether the request is over."""
        return self.finish_reason is not None or self.error is not None


class Ready(_Message, frozen=True, array_like=True, tag=True):
    """The model is loaded. Sizes in tokens or bytes; `description` is llama.cpp's ("qwen3 0.6B Q4_K - Medium").

    `context_tokens` is the most one conversation may have; the running ones share the KV cache.
    `adapters` are the names of the loaded ones.
    """

    description: str
    context_tokens: int
    trained_context_tokens: int
    num_slots: int
    num_threads: int
    vocab_size: int
    model_bytes: int
    num_parameters: int
    has_chat_template: bool
    pid: int
    adapters: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ("chat",)
    vector_size: int | None = None


class LoadFailed(_Message, frozen=True, array_like=True, tag=True):
    """The model could not be loaded; the worker leaves after this."""

    error: ErrorInfo


class Step(_Message, frozen=True, array_like=True, tag=True):
    """News of one engine step."""

    deltas: tuple[Delta, ...]


class Pulse(_Message, frozen=True, array_like=True, tag=True):
    """Sign of life, every second: the age of the last step says whether a busy engine still moves.

    `engine` holds the engine's own statistics, by their names there.
    """

    num_running: int
    num_waiting: int
    last_step_age_seconds: float
    engine: dict[str, Any] = field(default_factory=dict)


FromFront = Generate | Embed | Rerank | Cancel | Shutdown
FromWorker = Ready | LoadFailed | Step | Embedded | Pulse

__all__ = [
    "Cancel",
    "Capability",
    "Delta",
    "Embed",
    "Embedded",
    "ErrorInfo",
    "FinishReason",
    "FromFront",
    "FromWorker",
    "Generate",
    "LoadFailed",
    "LogprobEntry",
    "Pulse",
    "Ready",
    "Rerank",
    "Shutdown",
    "Step",
    "TokenText",
    "ToolCallDelta",
]
