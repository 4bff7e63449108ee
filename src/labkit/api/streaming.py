"""A response that streams an answer, and ends with the answer, an error, or the client."""

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from labkit.api.answer import Answer, wait_until_gone
from labkit.api.errors import BugError
from labkit.errors import LabkitError
from labkit.worker.messages import Delta

PING_SECONDS = 15.0
WATCH_SECONDS = 1.0
WRITE_SECONDS = 30.0
_logger = logging.getLogger("labkit.api")


class StreamWire(Protocol):
    """How one API writes one streamed answer. Made for a single request; knows nothing of HTTP.

    Attributes:
        media_type: of the stream.
        ping: what keeps a silent stream open; empty where the format knows nothing of the kind.
    """

    media_type: str
    ping: bytes

    def encode(self, deltas: list[Delta]) -> bytes:
        """Bytes for news, possibly none. The last delta's hold the end of the stream."""
        ...

    def failure(self, error: LabkitError) -> bytes:
        """The end of a stream that failed after it began."""
        ...


class AnswerStream(Response):
    """Streams an answer. Never ends in silence: the wire's own end comes last, or one error."""

    def __init__(self, answer: Answer, wire: StreamWire, headers: Mapping[str, str] | None = None) -> None:
        self.media_type = wire.media_type
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no", **(headers or {})})
        del self.headers["content-length"]
        self._answer = answer
        self._wire = wire
        self._last_write = monotonic()
        self._write_started: float | None = None

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send until the answer is over or the client leaves or reads nothing; then the request is cancelled."""
        writing = asyncio.create_task(self._write(send))
        others = [asyncio.create_task(work) for work in (wait_until_gone(receive), self._watch(send))]
        try:
            await asyncio.wait([writing, *others], return_when=asyncio.FIRST_COMPLETED)
            self._answer.observation.client_left = not writing.done()
        finally:
            for task in (writing, *others):
                task.cancel()
            await asyncio.gather(writing, *others, return_exceptions=True)
            await self._answer.aclose()

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for deltas in self._answer:
                if news := self._wire.encode(deltas):
                    await self._send(send, news)
        except LabkitError as error:
            await self._fail(send, error)
        except Exception:
            _logger.exception("unexpected error in a stream")
            await self._fail(send, BugError())
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _fail(self, send: Send, error: LabkitError) -> None:
        self._answer.observation.error = error
        await self._send(send, self._wire.failure(error))

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
            if self._write_started is not None:
                if monotonic() - self._write_started > WRITE_SECONDS:
                    return
            elif self._wire.ping and monotonic() - self._last_write >= PING_SECONDS:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._send(send, self._wire.ping)
