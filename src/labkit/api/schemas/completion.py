"""The bodies of POST /v1/completions and of llama-server's POST /completion: the fields that are honoured."""

from typing import Annotated, Any

from pydantic import Field

from labkit.api.schemas.generation import INT32, MAX_TOP_LOGPROBS, Choices, GenerationBody, ModelName, TokenCount

MAX_PROMPTS = 2048
DEFAULT_MAX_TOKENS = 16
"""OpenAI's."""
Prompts = Any
"""Told apart by hand: see `prompt_shapes`."""


class CompletionBody(GenerationBody):
    """Every field of a text completion that changes the answer and is honoured."""

    model: ModelName
    prompt: Prompts = None
    suffix: str | None = None
    max_tokens: TokenCount | None = None
    echo: bool | None = None
    best_of: Choices | None = None
    logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None


class NativeCompletionBody(GenerationBody):
    """The same in llama-server's words, as far as they are other ones."""

    model: ModelName | None = None
    prompt: Prompts = None
    n_predict: Annotated[int, Field(ge=-1, le=INT32)] | None = None
    max_tokens: Annotated[int, Field(ge=-1, le=INT32)] | None = None
    n_probs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    n_cmpl: Choices | None = None
