"""Errors as HTTP answers, each in the dialect of the path that was asked for."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from labkit.api.dialects import dialect_of
from labkit.api.errors import BugError, UnknownUrlError, headers_of, status_of
from labkit.api.observation import Observation
from labkit.api.route_table import methods_of
from labkit.errors import LabkitError

CLIENT_GONE_STATUS = 499  # nginx's


def error_response(error: LabkitError, path: str, request_id: str = "") -> JSONResponse:
    """The whole HTTP answer, with Retry-After where the error knows it."""
    body = dialect_of(path).envelope(error, request_id)
    return JSONResponse(body, status_code=status_of(error), headers=headers_of(error))


async def refuse(error: LabkitError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request that a layer does not let through."""
    observation: Observation = scope["state"]["observation"]
    observation.error = error
    await error_response(error, scope["path"], observation.request_id)(scope, receive, send)


async def on_labkit_error(request: Request, error: Exception) -> JSONResponse:
    """Exception handler of the application for the error tree."""
    assert isinstance(error, LabkitError)
    return _answer(request, error)


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Exception handler for what the router itself refuses: unknown path, wrong method."""
    assert isinstance(error, HTTPException)
    refused = UnknownUrlError(request.method, request.url.path, error.status_code, str(error.detail))
    answer = _answer(request, refused)
    answer.headers.update(error.headers or {})
    if error.status_code == 405:  # the router names the methods of the first route of that path
        answer.headers["allow"] = ", ".join(methods_of(request.app, request.url.path))
    return answer


async def on_client_gone(_: Request, __: Exception) -> Response:
    """Exception handler for a client that left: nobody reads this."""
    return Response(status_code=CLIENT_GONE_STATUS)


async def on_bug(request: Request, _: Exception) -> JSONResponse:
    """Exception handler for everything else; starlette raises it again, and the server logs it."""
    return _answer(request, BugError())


def _answer(request: Request, error: LabkitError) -> JSONResponse:
    observation = request.scope.get("state", {}).get("observation")
    if observation is not None:
        observation.error = error
    return error_response(error, request.url.path, observation.request_id if observation is not None else "")
