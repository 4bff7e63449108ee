"""The body of Anthropic's POST /v1/messages: the fields that are honoured, with their bounds."""

from typing import Annotated, Any, Literal

from pydantic import Field

from labkit.api.schemas.chat import MAX_TOOLS
from labkit.api.schemas.generation import INT32, Part, Share, Stop, TokenCount

MAX_STOP_SEQUENCES = 16
MIN_THINKING_TOKENS = 1024
_Id = Annotated[str, Field(min_length=1, max_length=256)]


class PlainSource(Part):
    """A document that is text."""

    type: Literal["text"]
    media_type: Literal["text/plain"] = "text/plain"
    data: str


InnerKind = Literal["text", "document", "search_result"]
BlockKind = Literal["text", "document", "search_result", "tool_use", "tool_result", "thinking", "redacted_thinking"]


class InnerBlock(Part):
    """What a tool gave, or a document holds. Other kinds than text are refused by name before this is parsed."""

    type: InnerKind
    text: str = ""
    title: str | None = None
    context: str | None = None
    source: PlainSource | str | None = None
    content: "list[InnerBlock] | None" = None


class ContentBlock(Part):
    """One block of a message. Which fields a kind needs is checked where it is read."""

    type: BlockKind
    text: str | None = None
    title: str | None = None
    context: str | None = None
    source: PlainSource | str | None = None
    id: _Id | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    tool_use_id: _Id | None = None
    content: str | list[InnerBlock] | None = None
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class AnthropicMessage(Part):
    """One turn, or a part of one."""

    role: Literal["user", "assistant", "system"]
    content: str | list[ContentBlock]


class SystemBlock(Part):
    """A part of the system prompt."""

    type: Literal["text"]
    text: str


class CustomTool(Part):
    """A tool that the client runs; Anthropic's own are refused by name before this is parsed."""

    type: Literal["custom"] | None = None
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
    description: str | None = None
    input_schema: dict[str, Any]
    strict: bool | None = None


class ToolChoice(Part):
    """Which tools may or must be called. `name` is for "tool"."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Part):
    """Whether to think. A budget says how much effort; it is not counted."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Annotated[int, Field(ge=MIN_THINKING_TOKENS, le=INT32)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class OutputFormat(Part):
    """A JSON schema the answer is held to."""

    type: Literal["json_schema"]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class OutputConfig(Part):
    """How much effort, and in which form."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None


class CountBody(Part):
    """The body of POST /v1/messages/count_tokens: what the model reads."""

    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[AnthropicMessage], Field(min_length=1)]
    system: str | list[SystemBlock] | None = None
    tools: Annotated[list[CustomTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    speed: Literal["standard"] | None = None


class MessagesBody(CountBody):
    """Every field of a message that changes the answer and is honoured."""

    max_tokens: TokenCount
    stream: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Field(ge=-1, le=INT32)] | None = None
    stop_sequences: Annotated[list[Stop], Field(max_length=MAX_STOP_SEQUENCES)] | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
