"""uvicorn as this endpoint needs it: a socket of ours, signals left to the caller, slow senders cut off."""

import asyncio
import contextlib
from collections.abc import Generator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 15
MAX_HEAD_BYTES = 16 * 1024
MAX_CONNECTIONS = 512  # beyond it uvicorn answers 503 itself; the engine's queue is full long before


class ImpatientProtocol(HttpToolsProtocol):
    """Ends connections whose request head is too long or does not arrive in time; uvicorn waits for ever."""

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _unfinished_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected; it has 10 s for its first request head."""
        super().connection_made(transport)
        self._start_deadline()

    def data_received(self, data: bytes) -> None:
        """Bytes came. A new request stops the clock; the first bytes of a later head start it."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_deadline()
            self._unfinished_bytes = 0
        elif self.cycle is None or self.cycle.response_complete:
            self._unfinished_bytes += len(data)  # the parser tells of a header only when it is whole
            if self._unfinished_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too long.")
            if self._deadline is None:
                self._start_deadline()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Part of the path."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._stop_deadline()
        super().connection_lost(exc)

    def _count(self, num_bytes: int) -> None:
        self._head_bytes += num_bytes
        if self._head_bytes > MAX_HEAD_BYTES:
            raise ValueError("the head is too long")  # the parser turns it into its own error, and uvicorn into a 400

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class HttpServer(uvicorn.Server):
    """A uvicorn server that leaves signals alone: they belong to whoever runs the endpoint."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


def make_server(app: Any) -> HttpServer:
    """A server for `app` that writes no access log and no word about itself."""
    return HttpServer(
        uvicorn.Config(
            app,
            http=ImpatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            backlog=MAX_CONNECTIONS,
        )
    )
