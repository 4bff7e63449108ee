"""The bodies of Ollama's native API: the fields that are honoured, with their bounds."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_STOPS = 16
MAX_INPUTS = 2048
MAX_TOOLS = 128
MAX_TOP_LOGPROBS = 20
MAX_PENALTY_WINDOW = 65536
_INT32 = 2**31 - 1
_INT64 = 2**63

Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
KeepAlive = Annotated[float, Field(allow_inf_nan=False)] | str
Think = bool | Literal["low", "medium", "high", "max"]
Format = Literal["", "json"] | dict[str, Any]


class _Body(BaseModel):
    """Numbers are numbers: "512" in quotes is refused."""

    model_config = ConfigDict(strict=True, extra="ignore")


# Options that would change the answer, and the values that ask for nothing.
REFUSED_OPTIONS: dict[str, tuple[Any, ...]] = {
    "mirostat": (0,),
    "tfs_z": (1, 1.0),
    "penalize_newline": (True,),
    "vocab_only": (False,),
    "embedding_only": (False,),
}


def _name_refused(schema: dict[str, Any]) -> None:
    schema["properties"] |= {name: {"enum": [None, *values]} for name, values in REFUSED_OPTIONS.items()}


class Options(_Body):
    """What can be asked of the sampling, of the length and of the context.

    `repeat_last_n` -1 looks back on the whole context, `seed` -1 draws one, `num_predict` -1 and -2 go on until the
    model ends or the context is full.
    """

    model_config = ConfigDict(json_schema_extra=_name_refused)

    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=_INT32)] | None = None
    top_p: Share | None = None
    min_p: Share | None = None
    typical_p: Share | None = None
    repeat_penalty: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] | None = None
    repeat_last_n: Annotated[int, Field(ge=-1, le=MAX_PENALTY_WINDOW)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    seed: Annotated[int, Field(ge=-_INT64, lt=_INT64)] | None = None
    stop: Text | Annotated[list[Text], Field(max_length=MAX_STOPS)] | None = None
    num_predict: Annotated[int, Field(ge=-2, le=_INT32)] | None = None
    num_ctx: Annotated[int, Field(ge=0, le=_INT32)] | None = None


class CalledFunction(_Body):
    """A function that an assistant called; its arguments are an object, not text."""

    name: Text
    arguments: dict[str, Any] = {}


class ToolCall(_Body):
    """A tool call in an assistant's message."""

    id: str | None = None
    function: CalledFunction


class Message(_Body):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class Function(_Body):
    """A function the model may call; `parameters` is a JSON schema."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(_Body):
    """A tool definition."""

    type: Literal["function"] = "function"
    function: Function


class _GenerationBody(_Body):
    """What chat and generate have in common."""

    model: Text
    stream: bool | None = None
    format: Format | None = None
    think: Think | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    keep_alive: KeepAlive | None = None
    options: Options | None = None


class ChatBody(_GenerationBody):
    """POST /api/chat. No messages load the model, or unload it with keep_alive 0."""

    messages: list[Message] | None = None
    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS)] | None = None


class GenerateBody(_GenerationBody):
    """POST /api/generate. No prompt loads the model, or unloads it with keep_alive 0."""

    prompt: str | None = None
    system: str | None = None
    suffix: str | None = None
    raw: bool | None = None


class EmbedOptions(_Body):
    """Options that mean something to embeddings."""

    num_ctx: Annotated[int, Field(ge=0, le=_INT32)] | None = None


class EmbedBody(_Body):
    """POST /api/embed. No input loads the model."""

    model: Text
    input: str | Annotated[list[Text], Field(max_length=MAX_INPUTS)] | None = None
    truncate: bool | None = None
    dimensions: Annotated[int, Field(ge=1, le=_INT32)] | None = None
    keep_alive: KeepAlive | None = None
    options: EmbedOptions | None = None


class EmbeddingsBody(_Body):
    """POST /api/embeddings, Ollama's first: one prompt, a vector as the model gives it. No prompt loads the model."""

    model: Text
    prompt: str | None = None
    keep_alive: KeepAlive | None = None
    options: EmbedOptions | None = None


class ShowBody(_Body):
    """POST /api/show. `name` is its old spelling of `model`."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [spelling], "properties": {spelling: {"type": "string"}}} for spelling in ("model", "name")
            ]
        }
    )

    model: Text | None = None
    name: Text | None = None
