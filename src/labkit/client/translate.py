"""Foreign errors become labkit's: an HTTP status with OpenAI's envelope, or a connection that failed."""

import json
from collections.abc import Mapping
from typing import Any

from labkit import errors
from labkit.errors import ConnectionFailedError, InvalidRequestError, LabkitError, QueueFullError

_BY_CODE: Mapping[str, type[LabkitError]] = {
    "model_not_found": errors.ModelNotFoundError,
    "request_not_found": errors.RequestNotFoundError,
    "context_length_exceeded": errors.ContextLengthExceededError,
    "request_too_large": errors.RequestTooLargeError,
    "unsupported_content": errors.UnsupportedContentError,
    "worker_died": errors.WorkerDiedError,
    "not_ready": errors.NotReadyError,
    "forward": errors.ForwardError,
    "native": errors.NativeError,
}
_BY_STATUS: Mapping[int, type[LabkitError]] = {
    401: errors.RefusedError,
    403: errors.RefusedError,
    404: errors.InputError,
    413: errors.RequestTooLargeError,
    415: errors.UnsupportedContentError,
    429: errors.QueueFullError,
    502: errors.WorkerDiedError,
    503: errors.NotReadyError,
}
DEFAULT_RETRY_SECONDS = 1


def error_of_status(status: int, body: bytes, headers: Mapping[str, str], url: str) -> LabkitError:
    """The error behind an answer that is not 2xx. Understands every server that uses OpenAI's envelope."""
    try:
        envelope = json.loads(body)
        found = envelope["error"]
        fields = found if isinstance(found, dict) else {"message": str(found)}
    except (ValueError, KeyError, TypeError):
        fields = {"message": f"{url} answered with HTTP status {status}"}
    return _restored(fields, status, headers.get("retry-after", ""))


def error_of_event(fields: Mapping[str, Any]) -> LabkitError:
    """The error that a stream ended with."""
    return _restored(fields, None, "")


def connection_failed(url: str, problem: Exception) -> ConnectionFailedError:
    """Nothing answers, or it stopped answering."""
    reason = str(problem) or type(problem).__name__
    return ConnectionFailedError(f"no answer from {url} ({reason})", hint="start an endpoint: labkit serve nano")


def _restored(fields: Mapping[str, Any], status: int | None, retry_after: str) -> LabkitError:
    message, code = str(fields.get("message") or "an error without a message"), fields.get("code")
    kind = _BY_CODE.get(str(code)) or _BY_STATUS.get(status or 0) or _by_range(status)
    # The message already holds the server's hint; the constructors of some kinds want numbers we do not have.
    error = kind.__new__(kind)
    LabkitError.__init__(error, message)
    if isinstance(error, InvalidRequestError):
        error.param, error.code = fields.get("param"), str(code or "invalid_value")
    if isinstance(error, QueueFullError):
        error.retry_after_seconds = int(retry_after) if retry_after.isdigit() else DEFAULT_RETRY_SECONDS
    return error


def _by_range(status: int | None) -> type[LabkitError]:
    return InvalidRequestError if status is not None and status < 500 else LabkitError
