"""Answers of Anthropic's API."""

from typing import Any, Literal

from labkit.api.openapi.answers.openai import Timings
from labkit.api.openapi.answers.part import Part


class TextBlock(Part):
    """A piece of the answer."""

    type: Literal["text"]
    text: str


class ToolUseBlock(Part):
    """A call of a tool."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]


class ThinkingBlock(Part):
    """What was thought before the answer; the signature proves nothing."""

    type: Literal["thinking"]
    thinking: str
    signature: str


class MessageUsage(Part, extra="allow"):
    """Counts of tokens."""

    input_tokens: int
    output_tokens: int


class MessageAnswer(Part):
    """The answer of POST /v1/messages."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[TextBlock | ToolUseBlock | ThinkingBlock]
    stop_reason: Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded"]
    stop_sequence: str | None
    usage: MessageUsage
    timings: Timings | None


class CountAnswer(Part):
    """The answer of POST /v1/messages/count_tokens."""

    input_tokens: int
