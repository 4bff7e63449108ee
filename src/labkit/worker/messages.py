"""What the front and a worker say to each other: frozen values, JSON on the wire.

Front -> worker: Generate, Complete, Embed, Rerank, the questions (Tokenize, Detokenize, Render, DescribeTokenizer),
Cancel, Shutdown. Worker -> front: Ready or LoadFailed once, then Step (one per engine step, with every sequence's
news), Embedded, the answers to questions, and Pulse (liveness). A request that was sent ends with exactly one Delta,
Embedded or answer for which `is_last` is true.
"""

from typing import Any, Literal

from msgspec import field

from labkit.engine.types import (
    AdapterUse,
    Constraint,
    FinishReason,
    Lane,
    SamplingOverrides,
    SamplingParams,
    StopCause,
    Timings,
    Usage,
)
from labkit.worker.questions import (
    DescribeTokenizer,
    Detokenize,
    Detokenized,
    Question,
    Refused,
    Render,
    Rendered,
    Reply,
    Tokenize,
    Tokenized,
    TokenizerDescribed,
)
from labkit.worker.values import ErrorInfo, Message, ReasoningEffort, Value

Capability = Literal["chat", "completions", "embeddings", "rerank"]
WireFinishReason = Literal["stop", "length", "tool_calls", "cancelled"]


class _Generation(Message, frozen=True, array_like=True, tag=True, kw_only=True):
    """What every request for new text may ask.

    Attributes:
        max_tokens: None goes on until the context is full; 0 only reads the prompt.
        min_tokens: no end-of-generation token before so many.
        constraint: a language the whole answer must belong to.
        num_choices: answers to generate from the one prompt; the seed of each is one above that of the one before.
        logprobs: log-probabilities of each token and this many alternatives; None for none.
        tenant: cells are shared only among requests of one tenant; "" is one of them.
        reuse: take cells from the cache, and leave some there.
        tell_prompt: put the prompt's text into the report; it holds what the client wrote.
    """

    sampling: SamplingOverrides = field(default_factory=SamplingOverrides)
    max_tokens: int | None = None
    min_tokens: int = 0
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    ignore_eos: bool = False
    constraint: Constraint | None = None
    num_choices: int = 1
    logprobs: int | None = None
    adapters: tuple[AdapterUse, ...] = ()
    lane: Lane = "normal"
    tenant: str = ""
    reuse: bool = True
    tell_prompt: bool = False


class Generate(_Generation, frozen=True, array_like=True, tag=True):
    """Answer a conversation.

    Attributes:
        messages: OpenAI chat messages; `content` is text or None (parts are joined by the front), tool-call
            arguments are JSON text as clients send them.
        tools: OpenAI tool definitions; the ones that tool_choice does not allow are not among them.
        tool_choice: "auto", "none", "required", or the name of a tool after "name:".
        response_schema: JSON schema the whole answer must satisfy; {} for any JSON object; None for free text. Not
            beside `constraint`.
        reasoning_effort: how much the model may think before it answers; None leaves it to the template.
        template_arguments: further variables for the template, such as {"enable_thinking": false}.
        continue_final: the last message is the assistant's and its text is to be continued.
    """

    request_id: str
    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    response_schema: dict[str, Any] | None = None
    reasoning_effort: ReasoningEffort | None = None
    template_arguments: dict[str, Any] = field(default_factory=dict)
    continue_final: bool = False


class Complete(_Generation, frozen=True, array_like=True, tag=True):
    """Go on from a text, without a chat template.

    Attributes:
        prompt: a text (markers in it are read as tokens, and the model's opening token is put before it), or token ids
            that are taken as they are.
        suffix: text that follows what is to be written: fill in the middle, by the model's own tokens.
        echo: give the prompt back before the answer, and, with `logprobs`, its tokens' log-probabilities.
    """

    request_id: str
    prompt: str | tuple[int, ...]
    suffix: str | None = None
    echo: bool = False


class Embed(Message, frozen=True, array_like=True, tag=True):
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


class Rerank(Message, frozen=True, array_like=True, tag=True):
    """Score each document by how well it answers the query."""

    request_id: str
    query: str
    documents: tuple[str, ...]


class Cancel(Message, frozen=True, array_like=True, tag=True):
    """Stop a request; unknown ids are ignored (it may have ended meanwhile)."""

    request_id: str


class Shutdown(Message, frozen=True, array_like=True, tag=True):
    """End every request with finish_reason "cancelled" and leave."""


class ToolCallDelta(Value, frozen=True, array_like=True):
    """News of one tool call: `id` and `name` come with the first delta of an `index`, then argument text."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class TokenText(Value, frozen=True, array_like=True):
    """A token's bytes (part of a character, perhaps), its natural log-probability, and its id in the vocabulary."""

    bytes: bytes
    logprob: float
    id: int = -1


class LogprobEntry(Value, frozen=True, array_like=True):
    """The token that was chosen, and the most probable ones, best first, as many as were asked for."""

    chosen: TokenText
    top: tuple[TokenText, ...] = ()


class PromptTokens(Value, frozen=True, array_like=True):
    """The prompt, given back: its text, and where they were asked for its tokens with their log-probabilities.

    The first entry is None: nothing comes before the first token, so nothing predicts it.
    """

    text: str
    logprobs: tuple[LogprobEntry | None, ...] = ()
    first: TokenText | None = None


class Report(Value, frozen=True, array_like=True):
    """How one choice came to be, for `labkit explain`: everything the worker knows and a client may ask.

    Attributes:
        stop_cause: what ended it.
        stop_text: the stop text it ended at.
        sampling: what was used, defaults filled in.
        message_tokens: tokens of each message in the rendered prompt, as (role, tokens); what belongs to none (markers,
            tool definitions, the opening of the answer) is under "template".
        prompt: the prompt's text, where tell_prompt asked for it.
        companions: ids of other requests that were computed in the same forwards, the first 16.
        most_companions: sequences beside it in the fullest of them.
        mean_batch: sequences in a forward, itself included, on average.
        num_forwards, num_preemptions: forwards that it took part in; how often it had to give its cells back.
        constraint: the kind of language it was held to; "" for none.
        constraint_seconds: time that compiling it took.
        chat_format: family whose parser read the answer.
    """

    stop_cause: StopCause | None = None
    stop_text: str = ""
    sampling: SamplingParams | None = None
    message_tokens: tuple[tuple[str, int], ...] = ()
    prompt: str | None = None
    companions: tuple[str, ...] = ()
    most_companions: int = 0
    mean_batch: float = 0.0
    num_forwards: int = 0
    num_preemptions: int = 0
    constraint: str = ""
    constraint_seconds: float = 0.0
    chat_format: str = ""


class Delta(Value, frozen=True, array_like=True):
    """What one step (or several, when their reader was behind) did for one choice of a request.

    Attributes:
        choice: which of the request's answers, from 0.
        finish_reason: this choice is over.
        num_open: choices of the request that are not over after this.
        error: the whole request is over.
        usage, timings: of the whole request, with its last delta.
        prompt: with the first delta of a choice, where the request asked for an echo.
        report: of this choice, with its last delta.
        prompt_tokens: with the request's first delta, for APIs that tell it before the answer; 0 in the others.
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
    prompt: PromptTokens | None = None
    report: Report | None = None
    prompt_tokens: int = 0

    @property
    def is_last(self) -> bool:
        """Whether the request is over."""
        return (self.finish_reason is not None and self.num_open == 0) or self.error is not None


class Embedded(Message, frozen=True, array_like=True, tag=True):
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


class Ready(Message, frozen=True, array_like=True, tag=True):
    """The model is loaded. Sizes in tokens or bytes; `description` is llama.cpp's ("qwen3 0.6B Q4_K - Medium").

    `context_tokens` is the most one conversation may have; the running ones share the KV cache.
    `adapters` are the names of the loaded ones; `chat_format` is the family that reads its answers.
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
    chat_format: str = ""


class LoadFailed(Message, frozen=True, array_like=True, tag=True):
    """The model could not be loaded; the worker leaves after this."""

    error: ErrorInfo


class Step(Message, frozen=True, array_like=True, tag=True):
    """News of one engine step."""

    deltas: tuple[Delta, ...]


class Pulse(Message, frozen=True, array_like=True, tag=True):
    """Sign of life, every second: the age of the last step says whether a busy engine still moves.

    `engine` holds the engine's own statistics, by their names there. `is_stuck`: the engine has not moved for longer
    than any work takes, and will not; busy is not stuck.
    """

    num_running: int
    num_waiting: int
    last_step_age_seconds: float
    engine: dict[str, Any] = field(default_factory=dict)
    is_stuck: bool = False


Generation = Generate | Complete
FromFront = Generation | Embed | Rerank | Question | Cancel | Shutdown
FromWorker = Ready | LoadFailed | Step | Embedded | Reply | Pulse

__all__ = [
    "Cancel",
    "Capability",
    "Complete",
    "Delta",
    "DescribeTokenizer",
    "Detokenize",
    "Detokenized",
    "Embed",
    "Embedded",
    "ErrorInfo",
    "FinishReason",
    "FromFront",
    "FromWorker",
    "Generate",
    "Generation",
    "LoadFailed",
    "LogprobEntry",
    "PromptTokens",
    "Pulse",
    "Question",
    "Ready",
    "ReasoningEffort",
    "Refused",
    "Render",
    "Rendered",
    "Reply",
    "Report",
    "Rerank",
    "Shutdown",
    "Step",
    "TokenText",
    "Tokenize",
    "Tokenized",
    "TokenizerDescribed",
    "ToolCallDelta",
]
