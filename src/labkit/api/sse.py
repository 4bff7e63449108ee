"""Server-sent events: how they are written, and a response that ends with the answer, an error, or the client."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from labkit.api import errors
from labkit.api.answer import Answer, wait_until_gone
from labkit.errors import LabkitError
from labkit.worker.messages import Delta

PING_SECONDS = 15.0
WATCH_SECONDS = 1.0
WRITE_SECONDS = 30.0
PING = b": ping\n\n"
_logger = logging.getLogger("labkit.api")
_json = msgspec.json.Encoder()


def event(value: Mapping[str, Any]) -> bytes:
    """One event: a line of JSON and an empty line, both ended by LF, because some clients split on LF-LF only.

    Readers that use str.splitlines would break lines at these three characters too.
    """
    return b"data: " + quoted(value) + b"\n\n"


def quoted(value: Mapping[str, Any] | str) -> bytes:
    """JSON that stays on one line whoever reads it."""
    line = _json.encode(value)
    if not line.isascii():
        for character in "\x85\u2028\u2029":
            line = line.replace(character.encode(), b"\\u%04x" % ord(character))
    return line


DONE = b"data: [DONE]\n\n"


class EventStream(Response):
    """Streams an answer. Never ends in silence: the last event is [DONE], or one error."""

    media_type = "text/event-stream"

    def __init__(
        self, answer: Answer, encode: Callable[[list[Delta]], bytes], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no", **(headers or {})})
        del self.headers["content-length"]
        self._answer = answer
        self._encode = encode
        self._last_write = monotonic()
        self._write_started: float | None = None

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send events until the answer is over or the client leaves or reads nothing; then the request is cancelled."""
        tasks = [asyncio.create_task(work) for work in (self._write(send), wait_until_gone(receive), self._watch(send))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._answer.aclose()

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for deltas in self._answer:
                if events := self._encode(deltas):
                    await self._send(send, events)
        except LabkitError as error:
            await self._send(send, event(errors.envelope(error)))
        except Exception:
            _logger.exception("unexpected error in a stream")
            await self._send(send, event(errors.bug_envelope()))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, body: bytes) -> None:
        self._write_started = monotonic()
        await send({"type": "http.response.body", "body": body, "more_body": True})
        self._write_started = None
        self._last_write = monotonic()

    async def _watch(self, send: Send) -> None:
        """Return when a write takes too long. Ping in silence: proxies and clients give up on silent connections.

        One timer a second for a stream costs less than one for every token.
        """
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._write_started is None:
                if monotonic() - self._last_write >= PING_SECONDS:
                    async with asyncio.timeout(WRITE_SECONDS):
                        await self._send(send, PING)
            elif monotonic() - self._write_started > WRITE_SECONDS:
                return
