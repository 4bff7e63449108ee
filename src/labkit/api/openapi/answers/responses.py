"""Answers of OpenAI's Responses API."""

from typing import Any, Literal

from labkit.api.openapi.answers.openai import Timings
from labkit.api.openapi.answers.part import Part


class InputDetails(Part):
    """Tokens that were not computed again."""

    cached_tokens: int
    cache_write_tokens: int


class OutputDetails(Part):
    """Tokens that were thought before the answer."""

    reasoning_tokens: int


class ResponseUsage(Part):
    """Counts of tokens."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class OutputItem(Part, extra="allow"):
    """A message, a thought or a call; what else it holds goes by its type."""

    id: str
    type: Literal["message", "reasoning", "function_call"]
    status: Literal["in_progress", "completed", "incomplete"]


class ResponseObject(Part, extra="allow"):
    """A response; the other fields repeat the request."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    error: dict[str, Any] | None
    incomplete_details: dict[str, Any] | None
    output: list[OutputItem]
    usage: ResponseUsage | None
    timings: Timings | None
    model: str
    previous_response_id: str | None
    store: bool


class DeletedResponse(Part):
    """A response that was forgotten."""

    id: str
    object: Literal["response"]
    deleted: Literal[True]


class InputItems(Part):
    """The items that came with a request."""

    object: Literal["list"]
    data: list[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    has_more: bool
