"""Which API a path belongs to. Each writes errors in its own way, and its clients read no other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labkit.api.errors import envelope, message_of, status_of
from labkit.errors import LabkitError

Envelope = dict[str, Any]

# Anthropic's names of errors, by status; the others are "api_error".
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API: its name, and an error as the body of its answer."""

    name: str
    envelope: Callable[[LabkitError], Envelope]


def _anthropic(error: LabkitError) -> Envelope:
    kind = _ANTHROPIC_TYPES.get(status_of(error), "api_error")
    return {"type": "error", "error": {"type": kind, "message": message_of(error)}}


def _ollama(error: LabkitError) -> Envelope:
    return {"error": message_of(error)}


OPENAI = Dialect("openai", envelope)
ANTHROPIC = Dialect("anthropic", _anthropic)
OLLAMA = Dialect("ollama", _ollama)
_BY_PREFIX = (("/v1/messages", ANTHROPIC), ("/api/", OLLAMA))


def dialect_of(path: str) -> Dialect:
    """The API of `path`; OpenAI's for all that no other claims."""
    return next((dialect for prefix, dialect in _BY_PREFIX if path.startswith(prefix)), OPENAI)
