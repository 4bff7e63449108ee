"""What the front and a worker say to each other: frozen values, JSON on the wire.

Front -> worker: Generate, Cancel, Shutdown. Worker -> front: Ready or LoadFailed once, then Step (one per engine
step, with every sequence's news) and Pulse (liveness). A request that was sent ends with exactly one Delta that
carries `finish_reason` or `error`.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from labkit.engine.types import FinishReason, SamplingOverrides, Timings, Usage

WireFinishReason = Literal["stop", "length", "tool_calls", "cancelled"]


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer a conversation.

    Attributes:
        messages: OpenAI chat messages; `content` is text or None (parts are joined by the front), tool-call
            arguments are JSON text as clients send them.
        tools: OpenAI tool definitions.
        tool_choice: "auto", "none", "required", or the name of a tool after "name:".
        response_schema: JSON schema the whole answer must satisfy; {} for any JSON object; None for free text.
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


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop a request; unknown ids are ignored (it may have ended meanwhile)."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End every request with finish_reason "cancelled" and leave."""


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """News of one tool call: `id` and `name` come with the first delta of an `index`, then argument text."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An error of labkit's tree on the wire. `kind` is the class name in `labkit.errors`."""

    kind: str
    message: str
    hint: str = ""
    param: str | None = None
    code: str | None = None
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """What one step did for one request; `usage` and `timings` come with the last one."""

    request_id: str
    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    num_tokens: int = 0
    finish_reason: WireFinishReason | None = None
    error: ErrorInfo | None = None
    usage: Usage | None = None
    timings: Timings | None = None

    @property
    def is_last(self) -> bool:
        """Whether the request is over."""
        return self.finish_reason is not None or self.error is not None


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded. Sizes in tokens or bytes; `description` is llama.cpp's ("qwen3 0.6B Q4_K - Medium").

    `context_tokens` is the most one conversation may have; the running ones share the KV cache.
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


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """The model could not be loaded; the worker leaves after this."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class Step:
    """News of one engine step."""

    deltas: tuple[Delta, ...]


@dataclass(frozen=True, slots=True)
class Pulse:
    """Sign of life, every second: the age of the last step says whether a busy engine still moves."""

    num_running: int
    num_waiting: int
    last_step_age_seconds: float


FromFront = Generate | Cancel | Shutdown
FromWorker = Ready | LoadFailed | Step | Pulse

__all__ = [
    "Cancel",
    "Delta",
    "ErrorInfo",
    "FinishReason",
    "FromFront",
    "FromWorker",
    "Generate",
    "LoadFailed",
    "Pulse",
    "Ready",
    "Shutdown",
    "Step",
    "ToolCallDelta",
]
