"""Server-sent events: how they are written, and a response that ends with the answer, an error, or the client."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from labkit.api import errors
from labkit.api.answer import Answer, wait_until_gone
from labkit.errors import LabkitError
from labkit.worker.messages import Delta

PING_SECONDS = 15.0
WRITE_SECONDS = 30.0
PING = b": ping\n\n"
_logger = logging.getLogger("labkit.api")


def event(value: Mapping[str, Any]) -> bytes:
    """One event: a line of JSON and an empty line, both ended by LF, because some clients split on LF-LF only.

    Readers that use str.splitlines would break lines at these three characters too.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "\x85\u2028\u2029":
        if character in text:
            text = text.replace(character, f"\\u{ord(character):04x}")
    return b"data: " + text.encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


class EventStream(Response):
    """Streams an answer. Never ends in silence: the last event is [DONE], or one error."""

    media_type = "text/event-stream"

    def __init__(
        self, answer: Answer, encode: Callable[[Delta], bytes], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no", **(headers or {})})
        del self.headers["content-length"]
        self._answer = answer
        self._encode = encode
        self._last_write = 0.0

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send events until the answer is over or the client leaves; then the request is cancelled."""
        writing = asyncio.create_task(self._write(send))
        beside = [asyncio.create_task(wait_until_gone(receive)), asyncio.create_task(self._ping(writing, send))]
        try:
            await asyncio.wait([writing, beside[0]], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, *beside):
                task.cancel()
            await asyncio.gather(writing, *beside, return_exceptions=True)
            await self._answer.aclose()

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for delta in self._answer:
                if events := self._encode(delta):
                    await self._send(send, events)
        except LabkitError as error:
            await self._send(send, event(errors.envelope(error)))
        except TimeoutError:
            return  # the client reads nothing: there is nobody to tell
        except Exception:
            _logger.exception("unexpected error in a stream")
            await self._send(send, event(errors.bug_envelope()))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, body: bytes) -> None:
        async with asyncio.timeout(WRITE_SECONDS):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        self._last_write = asyncio.get_running_loop().time()

    async def _ping(self, writing: asyncio.Task[None], send: Send) -> None:
        # Proxies and clients give up on silent connections; a long prefill is silent.
        clock = asyncio.get_running_loop().time
        self._last_write = clock()
        while not writing.done():
            await asyncio.sleep(max(self._last_write + PING_SECONDS - clock(), 0.1))
            if clock() - self._last_write >= PING_SECONDS:
                await self._send(send, PING)
