"""Answers that no application writes: the request never came so far."""

import asyncio
import contextlib
import json
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

from labkit.api.errors import envelope
from labkit.api.exchange import SECURITY_HEADERS
from labkit.errors import InvalidRequestError, UnavailableError

RETRY_AFTER_SECONDS = 1
READ_SECONDS = 1.0
_CODES = {431: "head_too_large"}


def raw_answer(status: int, message: str) -> bytes:
    """A whole HTTP answer, after which the connection ends."""
    body = json.dumps(envelope(InvalidRequestError(message, code=_CODES.get(status, "invalid_http")))).encode()
    headers = (
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        *SECURITY_HEADERS,
    )
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    return head + b"".join(b"%s: %s\r\n" % header for header in headers) + b"\r\n" + body


async def too_many_connections(_: Scope, receive: Receive, send: Send) -> None:
    """ASGI application for a connection over the limit: 503, and the connection ends."""
    with contextlib.suppress(TimeoutError):  # what is not read destroys the answer
        async with asyncio.timeout(READ_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    body = json.dumps(envelope(UnavailableError("too many connections are open", hint="try again later"))).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"%d" % RETRY_AFTER_SECONDS),
        (b"connection", b"close"),
        *SECURITY_HEADERS,
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
