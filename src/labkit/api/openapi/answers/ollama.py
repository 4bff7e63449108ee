"""Answers of Ollama's API."""

from typing import Any, Literal

from labkit.api.openapi.answers.part import Part


class CalledFunction(Part):
    """Which function, with what."""

    index: int
    name: str
    arguments: dict[str, Any]


class ToolCall(Part):
    """A call of a tool."""

    id: str
    function: CalledFunction


class AnswerMessage(Part):
    """What the model says."""

    role: Literal["assistant"]
    content: str
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None


class TokenLogprob(Part):
    """A token and its natural log-probability."""

    token: str
    logprob: float
    bytes: list[int]


class Logprob(TokenLogprob):
    """A token that was chosen, and the most probable ones."""

    top_logprobs: list[TokenLogprob]


class _Generated(Part):
    """Times are nanoseconds."""

    model: str
    created_at: str
    done: bool
    done_reason: Literal["stop", "length", "load", "unload"] | None = None
    logprobs: list[Logprob] | None = None
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None


class ChatAnswer(_Generated):
    """The answer of POST /api/chat, and each line of its stream."""

    message: AnswerMessage


class GenerateAnswer(_Generated):
    """The answer of POST /api/generate, and each line of its stream."""

    response: str
    thinking: str | None = None


class EmbedAnswer(Part):
    """The answer of POST /api/embed."""

    model: str
    embeddings: list[list[float]]
    total_duration: int
    load_duration: int
    prompt_eval_count: int


class EmbeddingsAnswer(Part):
    """The answer of POST /api/embeddings."""

    embedding: list[float]


class Details(Part):
    """What kind of model it is; "" for what is not known."""

    parent_model: str
    format: Literal["gguf"]
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str


class ListedModel(Part):
    """A model that can be asked for. A digest of zeros is not known."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details


class TagsAnswer(Part):
    """The answer of GET /api/tags."""

    models: list[ListedModel]


class RunningModel(Part):
    """A model that is loaded; null for what is not known."""

    name: str
    model: str
    size: int
    size_vram: int | None
    digest: str
    details: Details
    expires_at: str
    context_length: int | None


class PsAnswer(Part):
    """The answer of GET /api/ps."""

    models: list[RunningModel]


class ShowAnswer(Part):
    """The answer of POST /api/show."""

    modelfile: str
    parameters: str
    template: str
    license: str
    details: Details
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str


class VersionAnswer(Part):
    """The version of Ollama's API that is followed."""

    version: str
