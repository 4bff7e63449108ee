"""Answers of the tokenizer's routes and of llama-server's own."""

from typing import Any, Literal

from pydantic import RootModel

from labkit.api.openapi.answers.openai import Timings
from labkit.api.openapi.answers.part import Part


class Piece(Part):
    """A token and its text, or its bytes where they are no text."""

    id: int
    piece: str | list[int]


class TokenizeAnswer(Part):
    """The answer of POST /tokenize."""

    tokens: list[int] | list[Piece]
    count: int
    max_model_len: int | None
    token_strs: list[str] | None = None


class DetokenizeAnswer(Part):
    """The answer of POST /detokenize: the text under llama-server's name and under vLLM's."""

    content: str
    prompt: str


class ApplyTemplateAnswer(Part):
    """The answer of POST /apply-template."""

    prompt: str
    count: int


class InputTokensAnswer(Part):
    """A count of tokens."""

    object: Literal["response.input_tokens"]
    input_tokens: int


class SpecialToken(Part):
    """A token with a role."""

    id: int
    text: str


class TokenizerInfoAnswer(Part, extra="allow"):
    """The answer of GET /tokenizer_info; further special tokens are under their roles."""

    tokenizer_class: str
    model_max_length: int | None
    vocab_size: int
    add_bos_token: bool
    add_eos_token: bool
    bos_token: str | None
    eos_token: str | None
    pad_token: str | None
    special_tokens: dict[str, SpecialToken]
    stop_token_ids: list[int]
    chat_template: str | None
    chat_format: str


class PropsAnswer(Part):
    """The answer of GET /props."""

    default_generation_settings: dict[str, Any]
    total_slots: int | None
    model_alias: str
    model_path: str
    chat_template: str
    bos_token: str
    eos_token: str
    modalities: dict[str, bool]
    build_info: str
    is_sleeping: bool


class NativeToken(Part):
    """A token and its natural log-probability."""

    id: int | None
    token: str
    bytes: list[int]
    logprob: float


class NativeChosenToken(NativeToken):
    """A token that was chosen, and the most probable ones."""

    top_logprobs: list[NativeToken]


class NativeCompletion(Part):
    """One choice of POST /completion."""

    index: int
    content: str
    tokens: list[int]
    stop: bool
    model: str
    prompt: str | list[int]
    generation_settings: dict[str, Any]
    stop_type: Literal["none", "eos", "word", "limit"]
    stopping_word: str
    truncated: bool
    tokens_predicted: int | None
    tokens_evaluated: int | None
    tokens_cached: int | None
    timings: Timings | None
    completion_probabilities: list[NativeChosenToken] | None = None


class NativeCompletionAnswer(RootModel[NativeCompletion | list[NativeCompletion]]):
    """The answer of POST /completion: a list where there are several choices."""
