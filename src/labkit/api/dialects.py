"""Which API a path belongs to. Each writes errors in its own way, and its clients read no other."""

from dataclasses import dataclass
from typing import Any, Protocol

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


class EnvelopeWriter(Protocol):
    """Writes an error as the body of an answer."""

    def __call__(self, error: LabkitError, request_id: str = "", /) -> Envelope:
        """The body; `request_id` is "" where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API.

    Attributes:
        envelope: an error as the body of its answer.
        request_id_header: where its clients look for the request's id, beside x-request-id.
    """

    name: str
    envelope: EnvelopeWriter
    request_id_header: str = "x-request-id"


def _openai(error: LabkitError, _: str = "") -> Envelope:
    return envelope(error)


def _anthropic(error: LabkitError, request_id: str = "") -> Envelope:
    kind = _ANTHROPIC_TYPES.get(status_of(error), "api_error")
    body: Envelope = {"type": "error", "error": {"type": kind, "message": message_of(error)}}
    return {**body, "request_id": request_id} if request_id else body


def _ollama(error: LabkitError, _: str = "") -> Envelope:
    return {"error": message_of(error)}


OPENAI = Dialect("openai", _openai)
ANTHROPIC = Dialect("anthropic", _anthropic, "request-id")
OLLAMA = Dialect("ollama", _ollama)
_BY_PREFIX = (("/v1/messages", ANTHROPIC), ("/api/", OLLAMA))


def dialect_of(path: str) -> Dialect:
    """The API of `path`; OpenAI's for all that no other claims."""
    return next((dialect for prefix, dialect in _BY_PREFIX if path.startswith(prefix)), OPENAI)
