"""Where a request may come from: under which names the endpoint is called, and from which web pages."""

import re
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labkit.api.error_responses import refuse
from labkit.errors import InvalidRequestError, LabkitError, RefusedError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
PREFLIGHT_SECONDS = 600
# What a page may read beside the body.
EXPOSED_HEADERS = (
    "x-request-id, x-labkit-ignored, retry-after, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
    "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
)
_READING = ("GET", "HEAD", "OPTIONS")
_HEADER_NAMES = re.compile(r"[A-Za-z0-9, -]{1,1024}")
_KEY_IN_URL = re.compile(rb"lk_[0-9a-f]{8}_")


class OriginMiddleware:
    """Pure ASGI: refuses foreign hosts and pages. The pages that are listed get the headers that let them in."""

    def __init__(self, app: ASGIApp, host_names: Collection[str], origins: Collection[str] = ()) -> None:
        self._app = app
        self._host_names = frozenset(name.lower() for name in host_names)
        self._origins = frozenset(origin.lower() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = Headers(scope=scope)
        try:
            names = self._host_names | own_address(scope)
            origin = check_origin(headers, scope["method"], names, self._origins)
            check_query(scope["query_string"])
        except LabkitError as error:
            await refuse(error, scope, receive, send)
            return
        if origin is None:
            await self._app(scope, receive, self._varying(send))
        elif scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _preflight(headers, origin)(scope, receive, send)
        else:
            await self._app(scope, receive, _allowing(send, origin))

    def _varying(self, send: Send) -> Send:
        """Caches must not give one page the answer that another one got."""
        if not self._origins:
            return send

        async def varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).add_vary_header("Origin")
            await send(message)

        return varying


def check_origin(
    headers: Headers, method: str, host_names: Collection[str], origins: Collection[str] = ()
) -> str | None:
    """The listed origin that a request comes from; None for the endpoint's own pages and for what is no page.

    Raises RefusedError for a foreign Host (DNS rebinding) or a request that another web page sends. Ports are not
    compared: a tunnel or a container may map them, and rebinding needs a name of its own.
    """
    hosts = headers.getlist("host")
    host = hosts[0].lower() if len(hosts) == 1 else ""
    if _without_port(host) not in host_names:
        allowed = ", ".join(sorted(host_names))
        hint = f"use one of {allowed}; more names: labkit serve --host-name NAME"
        raise RefusedError(f"the Host header {host[:80]!r} is not allowed", hint=hint)
    origin = headers.get("origin")
    if origin is not None and origin.lower() in origins:
        return origin
    if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
        hint = "to allow a page: labkit serve --origin URL"
        raise RefusedError("requests from other web pages are not allowed (foreign Origin header)", hint=hint)
    if method not in _READING and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise RefusedError("requests from other web pages are not allowed (Sec-Fetch-Site header)")
    return None


def own_address(scope: Scope) -> set[str]:
    """The address that the connection came to, as a Host header has it.

    An endpoint on 0.0.0.0 answers to each address of its machine. That is safe: rebinding points a name to an
    address, and the browser then sends the name.
    """
    address = (scope.get("server") or ("",))[0]
    address = address.removeprefix("::ffff:") if "." in address else address
    return {f"[{address}]" if ":" in address else address} - {""}


def check_query(query: bytes) -> None:
    """Raise InvalidRequestError for a key in a URL: URLs are logged by everything that they pass."""
    if _KEY_IN_URL.search(query):
        raise InvalidRequestError(
            "API keys do not belong in URLs", code="key_in_url", hint="revoke it, and send another as a header"
        )


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isascii() and port.isdigit() else host


def _preflight(headers: Headers, origin: str) -> Response:
    """What a browser asks before it lets a listed page send its request. Nobody's key is part of it."""
    wanted = headers.get("access-control-request-headers", "")
    allowed = {"access-control-allow-headers": wanted} if _HEADER_NAMES.fullmatch(wanted) else {}
    private = {"access-control-allow-private-network": "true"}
    return Response(
        status_code=204,
        headers={
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "GET, POST, DELETE",
            "access-control-max-age": str(PREFLIGHT_SECONDS),
            "vary": "Origin, Access-Control-Request-Headers",
            **allowed,
            **(private if "access-control-request-private-network" in headers else {}),
        },
    )


def _allowing(send: Send, origin: str) -> Send:
    async def allowing(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["access-control-allow-origin"] = origin
            headers["access-control-expose-headers"] = EXPOSED_HEADERS
            headers.add_vary_header("Origin")
        await send(message)

    return allowing
