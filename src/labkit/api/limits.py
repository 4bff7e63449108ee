"""What a request must satisfy before any route sees it: where it comes from, what it carries, how large it is."""

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labkit.api.body import receive_body
from labkit.api.error_responses import error_response
from labkit.errors import LabkitError, RefusedError, UnsupportedContentError
from labkit.units import MIB

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_WITH_BODY = ("POST", "PUT", "PATCH")
_READING = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one endpoint.

    Attributes:
        host_names: names clients may use in the Host header, lower case, without port.
        body_bytes: longest request body.
        body_seconds: longest time a body may take to arrive.
    """

    host_names: frozenset[str] = LOOPBACK_NAMES
    body_bytes: int = 8 * MIB
    body_seconds: float = 30.0


class LimitsMiddleware:
    """Pure ASGI: refuses foreign hosts and origins, other content than JSON, bodies that are long or slow."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = Headers(scope=scope)
        try:
            check_origin(headers, scope["method"], self._limits.host_names)
            if scope["method"] in _WITH_BODY:
                check_content(headers)
                body = await receive_body(headers, receive, self._limits.body_bytes, self._limits.body_seconds)
                receive = _replayed(body, receive)
        except LabkitError as error:
            scope["state"]["observation"].error = error
            await error_response(error, scope["path"])(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def check_origin(headers: Headers, method: str, host_names: frozenset[str]) -> None:
    """Raise RefusedError for a foreign Host (DNS rebinding) or a request that another web page sends.

    Ports are not compared: a tunnel or a container may map them, and rebinding needs a name of its own.
    """
    host = headers.get("host", "").lower()
    if _without_port(host) not in host_names:
        allowed = ", ".join(sorted(host_names))
        raise RefusedError(f"the Host header {host[:80]!r} is not allowed", hint=f"use one of {allowed}")
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
        raise RefusedError("requests from other web pages are not allowed (foreign Origin header)")
    if method not in _READING and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise RefusedError("requests from other web pages are not allowed (Sec-Fetch-Site header)")


def check_content(headers: Headers) -> None:
    """Raise UnsupportedContentError for anything but plain JSON: web forms cannot send it, nobody can zip-bomb."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedContentError(
            f"the content type is {kind[:80]!r}", hint="send the header Content-Type: application/json"
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedContentError("compressed request bodies are not accepted", hint="send it uncompressed")


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isascii() and port.isdigit() else host


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, then waits with the real one for the client to leave."""
    pending = [body]

    async def replay() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return replay
