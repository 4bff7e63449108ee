"""Answers of OpenAI's API, with what llama-server, vLLM and labkit add."""

from typing import Literal

from labkit.api.openapi.answers.part import Part

FinishReason = Literal["stop", "length", "tool_calls"]


class PromptDetails(Part):
    """Tokens of the prompt that were not computed again."""

    cached_tokens: int


class CompletionDetails(Part):
    """Tokens that were thought before the answer."""

    reasoning_tokens: int


class Usage(Part):
    """Counts of tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails | None = None


class Timings(Part):
    """Times as llama-server names them, in milliseconds, and the wait for a slot."""

    cache_n: int
    prompt_n: int
    prompt_ms: float
    prompt_per_token_ms: float | None
    prompt_per_second: float | None
    predicted_n: int
    predicted_ms: float
    predicted_per_token_ms: float | None
    predicted_per_second: float | None
    queue_ms: float
    draft_n: int | None = None
    draft_n_accepted: int | None = None


class TokenLogprob(Part):
    """A token and its natural log-probability."""

    token: str
    logprob: float
    bytes: list[int]


class ChosenToken(TokenLogprob):
    """A token that was chosen, and the most probable ones."""

    top_logprobs: list[TokenLogprob]


class Logprobs(Part):
    """One entry for each token."""

    content: list[ChosenToken]
    refusal: None


class Function(Part):
    """Which function, with arguments as JSON text."""

    name: str
    arguments: str


class ToolCall(Part):
    """A call of a tool."""

    id: str
    type: Literal["function"]
    function: Function


class AnswerMessage(Part):
    """What the model says; what it thought is under both names that clients know."""

    role: Literal["assistant"]
    content: str | None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None


class ChatChoice(Part):
    """One of the answers."""

    index: int
    message: AnswerMessage
    logprobs: Logprobs | None
    finish_reason: FinishReason


class ChatCompletion(Part):
    """The answer of POST /v1/chat/completions."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    service_tier: str | None = None
    choices: list[ChatChoice]
    usage: Usage | None
    timings: Timings | None


class CompletionLogprobs(Part):
    """Log-probabilities in the form of the first API."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class CompletionChoice(Part):
    """One of the answers."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason


class Completion(Part):
    """The answer of POST /v1/completions."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    service_tier: str | None = None
    choices: list[CompletionChoice]
    usage: Usage | None
    timings: Timings | None


class VectorUsage(Part):
    """Counts of tokens."""

    prompt_tokens: int
    total_tokens: int


class Embedding(Part):
    """A vector, as numbers or as base64 of little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingList(Part):
    """The answer of POST /v1/embeddings."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: VectorUsage


class RankedDocument(Part):
    """The document that was sent."""

    text: str


class Ranked(Part):
    """A document's place and score."""

    index: int
    relevance_score: float
    document: RankedDocument | None = None


class RerankList(Part):
    """The answer of POST /v1/rerank: the best documents first."""

    object: Literal["list"]
    id: str
    model: str
    results: list[Ranked]
    usage: VectorUsage


class ModelMeta(Part):
    """What llama-server's clients look for."""

    n_ctx: int | None
    n_ctx_train: int | None
    n_embd: int | None
    n_params: int | None
    size: int | None


class Model(Part):
    """A model that can be asked for; null for what is not known."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    root: str
    parent: str | None
    max_model_len: int | None
    context_tokens: int | None
    trained_context_tokens: int | None
    num_slots: int | None
    num_parameters: int | None
    size_bytes: int | None
    quantization: str | None
    license: str | None
    digest: str | None
    family: str | None
    description: str | None
    capabilities: list[str]
    embedding_size: int | None
    chat_format: str | None
    meta: ModelMeta


class ModelList(Part):
    """The answer of GET /v1/models."""

    object: Literal["list"]
    data: list[Model]
