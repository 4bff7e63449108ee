"""Errors at the edge of HTTP: one table from the error tree to status codes, one way to write them."""

import re
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from labkit import errors
from labkit.errors import LabkitError

# Nearest ancestor wins. 500 is left for bugs and native failures.
STATUS: dict[type[LabkitError], int] = {
    LabkitError: 500,
    errors.InputError: 400,
    errors.ModelNotFoundError: 404,
    errors.RequestTooLargeError: 413,
    errors.UnsupportedContentError: 415,
    errors.RefusedError: 403,
    errors.InsufficientMemoryError: 507,
    errors.DiskFullError: 507,
    errors.InvalidModelFileError: 503,
    errors.UnavailableError: 503,
    errors.QueueFullError: 429,
    errors.ConnectionFailedError: 502,
    errors.WorkerDiedError: 502,
    errors.ModelLoadError: 503,
}
_TYPES = {403: "permission_error", 429: "rate_limit_error"}
_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


def status_of(error: LabkitError) -> int:
    """HTTP status of the nearest ancestor of `error` in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def envelope(error: LabkitError) -> dict[str, Any]:
    """The error as OpenAI's clients expect it. The hint is part of the message: they show nothing else."""
    status = status_of(error)
    hint = f" ({error.hint})" if error.hint else ""
    return _envelope(
        status, error.message + hint, getattr(error, "param", None), getattr(error, "code", None) or _code(error)
    )


def response(error: LabkitError) -> JSONResponse:
    """The whole HTTP answer, with Retry-After where the error knows it."""
    wait = getattr(error, "retry_after_seconds", None)
    headers = {"retry-after": str(wait)} if wait else None
    return JSONResponse(envelope(error), status_code=status_of(error), headers=headers)


def bug_envelope() -> dict[str, Any]:
    """What a client learns about an exception that is not ours: that it is a bug, and nothing of its text."""
    return _envelope(500, "labkit has a bug here; the traceback is in the endpoint's log", None, "internal_error")


async def on_labkit_error(_: Request, error: Exception) -> JSONResponse:
    """Exception handler of the application for the error tree."""
    assert isinstance(error, LabkitError)
    return response(error)


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Exception handler for what the router itself refuses: unknown path, wrong method."""
    assert isinstance(error, HTTPException)
    messages = {
        404: f"there is no {request.method} {request.url.path} (this endpoint speaks the OpenAI API under /v1)",
        405: f"{request.url.path} does not take {request.method}",
    }
    message = messages.get(error.status_code, str(error.detail))
    code = {404: "unknown_url", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    body = _envelope(error.status_code, message, None, code)
    return JSONResponse(body, status_code=error.status_code, headers=error.headers)


async def on_bug(_: Request, __: Exception) -> JSONResponse:
    """Exception handler for everything else; starlette raises it again, and the server logs it."""
    return JSONResponse(bug_envelope(), status_code=500)


def _envelope(status: int, message: str, param: str | None, code: str) -> dict[str, Any]:
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _code(error: LabkitError) -> str:
    return _WORD_START.sub("_", type(error).__name__.removesuffix("Error")).lower()
