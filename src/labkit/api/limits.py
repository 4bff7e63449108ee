"""What a request may carry: plain JSON, not too long, not too slow."""

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labkit.api.backend import ChatBackend
from labkit.api.body import BodyPace, declared_bytes, receive_body
from labkit.api.error_responses import refuse
from labkit.api.origins import LOOPBACK_NAMES
from labkit.errors import LabkitError, UnsupportedContentError
from labkit.units import MIB

_WITH_BODY = ("POST", "PUT", "PATCH")
_MOST_UNLOADED = 131_072
# Many short texts in one request: their number is limited where they are read.
_BATCH_PATHS = frozenset({"/v1/embeddings", "/v1/rerank", "/api/embed", "/api/embeddings"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one endpoint.

    Attributes:
        host_names: names clients may use in the Host header, without port.
        origins: web pages that may call from a browser.
        body_bytes: longest request body, where the context is not larger.
        bytes_per_context_token: a body may have so many for each token of the largest context that is served.
        batch_body_bytes: longest body with texts to embed or to rank.
        pace: how fast a body must come.
    """

    host_names: frozenset[str] = LOOPBACK_NAMES
    origins: frozenset[str] = frozenset()
    body_bytes: int = MIB
    bytes_per_context_token: int = 16
    batch_body_bytes: int = 8 * MIB
    pace: BodyPace = field(default_factory=BodyPace)

    def longest_body(self, path: str, declared_bytes: int | None, context_tokens: Callable[[], int]) -> int:
        """Bytes that a body for `path` may have. Asks for the largest context served only where that matters."""
        usual = max(self.body_bytes, self.batch_body_bytes if path in _BATCH_PATHS else 0)
        if declared_bytes is not None and declared_bytes <= usual:
            return usual
        return max(usual, self.bytes_per_context_token * context_tokens())


class BodyMiddleware:
    """Pure ASGI: refuses other content than JSON, and bodies that are long or slow; routes get them whole.

    What was sent of a refused body is thrown away by the connection, which ends it soon when that goes on.
    """

    def __init__(self, app: ASGIApp, limits: Limits, context_tokens: Callable[[], int]) -> None:
        self._app = app
        self._limits = limits
        self._context_tokens = context_tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["method"] not in _WITH_BODY:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            check_content(headers)
            declared = declared_bytes(headers)
            limit_bytes = self._limits.longest_body(scope["path"], declared, self._context_tokens)
            body = await receive_body(declared, receive, limit_bytes, self._limits.pace)
        except LabkitError as error:
            await refuse(error, scope, receive, send)
        else:
            scope["state"]["observation"].body_bytes = len(body)
            await self._app(scope, _replayed(body, receive), send)


def largest_context(backend: ChatBackend) -> int:
    """Tokens of the largest context that is served. What is not loaded yet may get its trained one, or 128 k."""
    return max(
        (card.context_tokens or min(card.trained_context_tokens or 0, _MOST_UNLOADED) for card in backend.models()),
        default=0,
    )


def check_content(headers: Headers) -> None:
    """Raise UnsupportedContentError for what is neither plain JSON nor nothing: no web form, and no bomb."""
    if "content-type" not in headers and _is_empty(headers):
        return
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedContentError(
            f"the content type is {kind[:80]!r}", hint="send the header Content-Type: application/json"
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedContentError("compressed request bodies are not accepted", hint="send it uncompressed")


def _is_empty(headers: Headers) -> bool:
    return headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, then waits with the real one for the client to leave."""
    pending = [body]

    async def replay() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return replay
