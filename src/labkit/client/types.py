"""What an OpenAI endpoint answers, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Tokens of one request; `cached_tokens` of the prompt were not computed again."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """One piece of a streamed answer. `usage` and `timings` come with the last ones, where the server sends them.

    Attributes:
        tool_calls: OpenAI's tool-call deltas as they came.
        timings: llama-server's names; milliseconds and tokens per second.
    """

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    finish_reason: str | None = None
    usage: TokenCounts | None = None
    timings: Mapping[str, float | None] | None = None


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """A whole answer."""

    content: str
    finish_reason: str | None
    reasoning: str = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    usage: TokenCounts | None = None
    timings: Mapping[str, float | None] | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model an endpoint serves; `facts` is everything else it says about it."""

    name: str
    context_tokens: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
