"""uvicorn as this endpoint needs it: a socket of ours, signals left to the caller, hostile connections cut off."""

import asyncio
import contextlib
import logging
import re
from collections.abc import Generator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from labkit.serving.census import Census
from labkit.serving.raw_answers import raw_answer, too_many_connections

HEAD_SECONDS = 10.0
# Clients give idle connections up after 5 s (httpx) or 4 s (undici). A server that does so at the same moment closes
# connections on which a request is just being sent, and nobody sends a POST again by himself.
KEEP_ALIVE_SECONDS = 15
DRAIN_SECONDS = 4.0  # for the rest of a body that was answered before it was whole
LINGER_SECONDS = 1.0  # for the client to read why its head was refused: closing at once may destroy the answer
STALL_SECONDS = 30.0
MAX_HEAD_BYTES = 16 * 1024
MAX_LINE_BYTES = 8 * 1024
MAX_FIELDS = 64
BACKLOG = 512
_SWEEP_TICKS = 10  # of uvicorn's, which are 0.1 s long
_UPGRADE = re.compile(rb"\r\nupgrade(?=[ \t]*:)", re.IGNORECASE)


class GuardedProtocol(HttpToolsProtocol):
    """Ends connections whose head is too long or too late, whose body does not end, and whose client reads nothing.

    uvicorn itself waits for ever, and an application sees a request only when its head is whole.
    """

    census: Census

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _unfinished_bytes = 0
    _body_bytes = 0
    _is_message_whole = True
    _is_head_too_large = False
    _is_deaf = False
    _unread_bytes = 0
    _unread_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected; it has 10 s for its first request head."""
        super().connection_made(transport)
        if self.census.is_flooded:
            transport.abort()
        elif not self.census.has_room(self._address):
            self.app = too_many_connections
        self.census.enter(self._address)
        self._start_deadline(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._stop_deadline()
        self.census.leave(self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came. A new request stops the clock; the first bytes of a later head start it."""
        if self._is_deaf:
            return
        before, was_whole = self.cycle, self._is_message_whole
        super().data_received(without_upgrade(data) if was_whole else data)
        if self.cycle is not before:
            self._unfinished_bytes = 0
        elif was_whole and (self.cycle is None or self.cycle.response_complete):
            self._unfinished_bytes += len(data)  # the parser tells of a header only when it is whole
            if self._unfinished_bytes > MAX_HEAD_BYTES and not self._is_deaf:
                self._is_head_too_large = True
                self.send_400_response("The head of the request is too large.")
            if self._deadline is None:
                self._start_deadline(HEAD_SECONDS)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head_bytes = self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Part of the path."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header."""
        self._count(len(name) + len(value))
        if len(name) + len(value) > MAX_LINE_BYTES or len(self.headers) >= MAX_FIELDS:
            self._refuse_head()
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole; how long a body may take is the application's to say."""
        self._stop_deadline()
        self._is_message_whole = False
        super().on_headers_complete()
        if self.parser and self.parser.should_upgrade():  # its name came in two pieces: the parser reads nothing more
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._is_message_whole = True
        if self.cycle.response_complete:
            self._start_deadline(KEEP_ALIVE_SECONDS)  # uvicorn's own ended with the rest of this body
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is written. What still comes of its request is thrown away, for some seconds."""
        super().on_response_complete()
        if self._is_message_whole or not self.cycle.response_complete:
            return
        if self.expect_100_continue and not self._body_bytes:
            self.transport.close()  # it asked before it sent, and whether it still sends nobody can tell
        else:
            self._start_deadline(DRAIN_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """Answer a head that is none, or too large."""
        self._is_deaf = True
        self.transport.write(raw_answer(431 if self._is_head_too_large else 400, msg))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._start_deadline(LINGER_SECONDS)

    def check_reader(self, now: float) -> None:
        """Cut a client off that has read nothing of what waits for it in 30 s. Called every second or so."""
        unread = self.transport.get_write_buffer_size()
        if unread == 0 or unread < self._unread_bytes or self._unread_bytes == 0:
            self._unread_since = now
        elif now - self._unread_since > STALL_SECONDS:
            self.transport.abort()
        self._unread_bytes = unread

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _count(self, num_bytes: int) -> None:
        self._head_bytes += num_bytes
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()

    def _refuse_head(self) -> None:
        self._is_head_too_large = True
        raise ValueError("the head is too large")  # the parser turns it into its own error, uvicorn into an answer

    def _start_deadline(self, seconds: float) -> None:
        self._stop_deadline()
        self._deadline = self.loop.call_later(seconds, self.transport.close)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def without_upgrade(data: bytes) -> bytes:
    """The beginning of a request without its offer to speak another protocol (Java's clients make one each time).

    Whoever offers goes on in this one unless the offer is taken. The parser, though, would read no body after it, nor
    another request.
    """
    if b"pgrade" not in data and b"PGRADE" not in data:
        return data
    end = data.find(b"\r\n\r\n")
    head, rest = (data, b"") if end < 0 else (data[:end], data[end:])
    return _UPGRADE.sub(b"\r\nignored", head) + rest


class HttpServer(uvicorn.Server):
    """A uvicorn server that leaves signals alone: they belong to whoever runs the endpoint."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; once a second every connection is looked at."""
        if counter % _SWEEP_TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, GuardedProtocol):
                    connection.check_reader(now)
        return await super().on_tick(counter)


def make_server(app: Any, census: Census | None = None) -> HttpServer:
    """A server for `app` that writes no access log and no word about itself."""

    class Protocol(GuardedProtocol):
        pass

    Protocol.census = census or Census()
    logging.getLogger("uvicorn.access").disabled = True  # its lines hold query strings, whoever else listens
    return HttpServer(
        uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            backlog=BACKLOG,
        )
    )
