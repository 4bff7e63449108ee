"""The body of POST /v1/chat/completions: the fields that are honoured, with their bounds.

A field that is absent or null leaves the default of the model, or else of `SamplingParams`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_STOPS = 4
MAX_STOP_BYTES = 256
MAX_TOOLS = 128
MAX_LOGIT_BIAS = 1024
MAX_CHOICES = 8
MAX_TOP_LOGPROBS = 20
MAX_PENALTY_WINDOW = 65536
MAX_GRAMMAR_CHARS = 256 * 1024
MAX_ANSWERS = 4096
MAX_ADAPTERS = 16
_INT32 = 2**31 - 1
_INT64 = 2**63


class _Part(BaseModel):
    """A piece of a request. Numbers are numbers: "0.5" in quotes is refused."""

    model_config = ConfigDict(strict=True, extra="ignore")


class TextPart(_Part):
    """One part of a message's content; other kinds than text are refused by name before this is parsed."""

    type: Literal["text", "refusal"]
    text: str = ""
    refusal: str = ""


Content = str | list[TextPart] | None


class FunctionCall(_Part):
    """Which function an assistant called, with arguments as JSON text."""

    name: Annotated[str, Field(min_length=1)]
    arguments: str = "{}"


class ToolCall(_Part):
    """A tool call in an assistant's message."""

    id: Annotated[str, Field(min_length=1)]
    type: Literal["function"] = "function"
    function: FunctionCall


class Message(_Part):
    """One message of a conversation. Which fields a role needs is checked where it is read."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None


class FunctionDefinition(_Part):
    """A function the model may call; `parameters` is a JSON schema."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(_Part):
    """A tool definition."""

    type: Literal["function"]
    function: FunctionDefinition


class NamedFunction(_Part):
    """Only the name."""

    name: str


class NamedTool(_Part):
    """tool_choice that names one function."""

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(_Part):
    """response_format's schema; we hold every answer to it, `strict` or not."""

    name: str = "response"
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool | None = None


class ResponseFormat(_Part):
    """What the answer must be: text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(_Part):
    """Options of a stream."""

    include_usage: bool | None = None


Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
TokenLimit = Annotated[int, Field(ge=1, le=_INT32)]
RepetitionPenalty = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
Bias = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
Grammar = Annotated[str, Field(max_length=MAX_GRAMMAR_CHARS)]
Stop = Annotated[str, Field(min_length=1)]


class Adapter(_Part):
    """A LoRA adapter by its name, 1 as it was trained and 0 without effect."""

    name: Annotated[str, Field(min_length=1)]
    scale: Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)] = 1.0


class ChatCompletionBody(_Part):
    """Every field of a chat completion that changes the answer and is honoured."""

    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Field(ge=-1, le=_INT32)] | None = None
    min_p: Share | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: RepetitionPenalty | None = None
    repeat_penalty: RepetitionPenalty | None = None
    repeat_last_n: Annotated[int, Field(ge=0, le=MAX_PENALTY_WINDOW)] | None = None
    typical_p: Share | None = None
    top_n_sigma: Annotated[float, Field(ge=-1, le=100, allow_inf_nan=False)] | None = None
    xtc_probability: Share | None = None
    xtc_threshold: Share | None = None
    dry_multiplier: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    dry_base: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] | None = None
    dry_allowed_length: Annotated[int, Field(ge=0, le=_INT32)] | None = None
    seed: Annotated[int, Field(ge=-_INT64, lt=_INT64)] | None = None
    logit_bias: Annotated[dict[str, Bias], Field(max_length=MAX_LOGIT_BIAS)] | None = None
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=MAX_STOPS)] | None = None
    ignore_eos: bool | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None
    cache_prompt: bool | None = None
    lora: Annotated[list[Adapter], Field(max_length=MAX_ADAPTERS)] | None = None
    grammar: Grammar | None = None
    guided_grammar: Grammar | None = None
    guided_regex: Grammar | None = None
    guided_choice: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=MAX_ANSWERS)] | (
        None
    ) = None
