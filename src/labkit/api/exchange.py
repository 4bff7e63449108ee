"""The outermost layer: every request gets an id and an observation, and every answer the headers it must have."""

import logging
from collections.abc import Sequence
from time import monotonic

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labkit.api.dialects import dialect_of
from labkit.api.identifiers import new_id
from labkit.api.observation import Caller, Observation, Observer

_logger = logging.getLogger("labkit.api")
NO_ROUTE = "(none)"
_TRACE_HEADERS = (b"traceparent", b"tracestate")

# For whatever a browser makes of an answer: it may load from here alone, run nothing else's, and sit in no frame.
SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class ExchangeMiddleware:
    """Pure ASGI. Observers are told once of the start and once of the end, however the request ends."""

    def __init__(self, app: ASGIApp, observers: Sequence[Observer] = ()) -> None:
        self._app = app
        self._observers = tuple(observers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        observation = Observation(
            request_id=new_id("req-"),
            method=scope["method"],
            caller=Caller(address=(scope.get("client") or ("",))[0]),
            server=scope.get("server"),
            trace_context={
                name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _TRACE_HEADERS
            },
        )
        scope.setdefault("state", {})["observation"] = observation

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                observation.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = observation.request_id
                headers[dialect_of(scope["path"]).request_id_header] = observation.request_id
                message["headers"].extend(SECURITY_HEADERS)
            await send(message)

        self._tell("started", observation)
        try:
            await self._app(scope, receive, tagged)
        finally:
            observation.route = getattr(scope.get("route"), "path", NO_ROUTE)
            observation.ended = monotonic()
            self._tell("ended", observation)

    def _tell(self, what: str, observation: Observation) -> None:
        for observer in self._observers:
            try:
                getattr(observer, what)(observation)
            except Exception:  # one that counts must never cost an answer
                _logger.exception("%s failed over a request", type(observer).__name__)


def observation_of(request: Request) -> Observation:
    """The observation of a request that is being answered."""
    return request.scope["state"]["observation"]
