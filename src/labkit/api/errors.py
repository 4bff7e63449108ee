"""Errors at the edge of HTTP: one table from the error tree to status codes, one way to write them."""

import re
from typing import Any

from labkit import errors
from labkit.errors import LabkitError

# Nearest ancestor wins. 500 is left for bugs and native failures.
STATUS: dict[type[LabkitError], int] = {
    LabkitError: 500,
    errors.InputError: 400,
    errors.ModelNotFoundError: 404,
    errors.RequestNotFoundError: 404,
    errors.ResponseNotFoundError: 404,
    errors.RequestTooLargeError: 413,
    errors.UnsupportedContentError: 415,
    errors.RefusedError: 403,
    errors.AuthenticationError: 401,
    errors.InsufficientMemoryError: 507,
    errors.DiskFullError: 507,
    errors.InvalidModelFileError: 503,
    errors.UnavailableError: 503,
    errors.QueueFullError: 429,
    errors.ConnectionFailedError: 502,
    errors.WorkerDiedError: 502,
    errors.ModelLoadError: 503,
}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


def status_of(error: LabkitError) -> int:
    """HTTP status of the nearest ancestor of `error` in the table."""
    if isinstance(error, UnknownUrlError):
        return error.status
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def message_of(error: LabkitError) -> str:
    """What a client is told. The hint is part of it: clients show nothing else."""
    return error.message + (f" ({error.hint})" if error.hint else "")


def headers_of(error: LabkitError) -> dict[str, str]:
    """Headers that go with the status: Retry-After where the error knows it, and how to authenticate."""
    wait = getattr(error, "retry_after_seconds", None)
    headers = {"retry-after": str(wait)} if wait else {}
    return headers | ({"www-authenticate": "Bearer"} if isinstance(error, errors.AuthenticationError) else {})


def envelope(error: LabkitError) -> dict[str, Any]:
    """The error as OpenAI's clients expect it."""
    code = getattr(error, "code", None) or _code(error)
    return _envelope(status_of(error), message_of(error), getattr(error, "param", None), code)


class BugError(LabkitError):
    """An exception that is not ours: clients learn that it is a bug, and nothing of its text."""

    def __init__(self) -> None:
        super().__init__("labkit has a bug here; the traceback is in the endpoint's log")
        self.code = "internal_error"


class UnknownUrlError(LabkitError):
    """What the router itself refuses: unknown path, wrong method."""

    def __init__(self, method: str, path: str, status: int, detail: str) -> None:
        messages = {
            404: f"there is no {method} {path} (GET /openapi.json names every route)",
            405: f"{path} does not take {method}",
        }
        super().__init__(messages.get(status, detail))
        self.status = status
        self.code = {404: "unknown_url", 405: "method_not_allowed"}.get(status, "http_error")


def _envelope(status: int, message: str, param: str | None, code: str) -> dict[str, Any]:
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _code(error: LabkitError) -> str:
    return _WORD_START.sub("_", type(error).__name__.removesuffix("Error")).lower()
