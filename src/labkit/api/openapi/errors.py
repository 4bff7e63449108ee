"""Errors as each API writes them."""

from typing import Literal

from labkit.api.openapi.answers.part import Part


class OpenAIErrorDetail(Part):
    """`param` names the field that is wrong, `code` is for machines."""

    message: str
    type: Literal[
        "invalid_request_error", "authentication_error", "permission_error", "rate_limit_error", "server_error"
    ]
    param: str | None
    code: str


class OpenAIError(Part):
    """An error of OpenAI's API, and of labkit's own routes."""

    error: OpenAIErrorDetail


class AnthropicErrorDetail(Part):
    """What is wrong."""

    type: str
    message: str


class AnthropicError(Part):
    """An error of Anthropic's API."""

    type: Literal["error"]
    error: AnthropicErrorDetail
    request_id: str | None = None


class OllamaError(Part):
    """An error of Ollama's API."""

    error: str
