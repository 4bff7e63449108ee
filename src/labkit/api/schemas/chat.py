"""The body of POST /v1/chat/completions: the fields that are honoured, with their bounds."""

from typing import Annotated, Any, Literal

from pydantic import Field

from labkit.api.schemas.generation import MAX_TOP_LOGPROBS, GenerationBody, ModelName, Part, TokenLimit
from labkit.worker.values import ReasoningEffort

MAX_TOOLS = 512


class TextPart(Part):
    """One part of a message's content; other kinds than text are refused by name before this is parsed."""

    type: Literal["text", "refusal"]
    text: str = ""
    refusal: str = ""


Content = str | list[TextPart] | None


class FunctionCall(Part):
    """Which function an assistant called, with arguments as JSON text."""

    name: Annotated[str, Field(min_length=1)]
    arguments: str = "{}"


class ToolCall(Part):
    """A tool call in an assistant's message."""

    id: Annotated[str, Field(min_length=1)]
    type: Literal["function"] = "function"
    function: FunctionCall


class Message(Part):
    """One message of a conversation. Which fields a role needs is checked where it is read."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class FunctionDefinition(Part):
    """A function the model may call; `parameters` is a JSON schema."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Part):
    """A tool definition."""

    type: Literal["function"]
    function: FunctionDefinition


class NamedFunction(Part):
    """Only the name."""

    name: str


class NamedTool(Part):
    """tool_choice that names one function."""

    type: Literal["function"]
    function: NamedFunction


class AllowedTools(Part):
    """The tools that may be called this time, of all that were defined, and whether one must be."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedTool], Field(min_length=1, max_length=MAX_TOOLS)]


class AllowedToolChoice(Part):
    """tool_choice that narrows the tools down, so that their definitions can stay the same (and cached)."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


ToolChoice = Literal["none", "auto", "required"] | NamedTool | AllowedToolChoice


class TemplateFields(Part):
    """Fields that say how a conversation is written down for the model."""

    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS)] | None = None
    reasoning_effort: ReasoningEffort | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None


class ConversationFields(TemplateFields):
    """A conversation, and how it is written down."""

    messages: Annotated[list[Message], Field(min_length=1)]


class ChatCompletionBody(ConversationFields, GenerationBody):
    """Every field of a chat completion that changes the answer and is honoured."""

    model: ModelName
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
