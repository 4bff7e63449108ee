"""Streams chat completions over raw sockets. While a load runs, bytes are only stamped and kept; reading comes after.

So the client takes little of a processor that it may have to share with the server under test.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from load.answer import Answer, read_answer

LONGEST_ANSWER_SECONDS = 600.0
LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What a load came to. `wall_seconds` runs from the first request to the last answer's end."""

    answers: tuple[Answer, ...]
    wall_seconds: float

    @property
    def completion_tokens(self) -> int:
        """Tokens of all answers."""
        return sum(answer.completion_tokens for answer in self.answers)

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens over the wall time."""
        return self.completion_tokens / self.wall_seconds


def run_load(
    url: str,
    model: str,
    bodies: Sequence[dict[str, Any]],
    *,
    concurrency: int = 1,
    limit_seconds: float | None = None,
    may_fail: bool = False,
) -> Load:
    """Send every body to `model`, `concurrency` at a time, each as soon as one before it ended (closed loop).

    `limit_seconds` cuts an answer off after that time, for servers that may hardly move. Raises RuntimeError when an
    answer is neither complete nor cut off, unless it `may_fail`: its `problem` then says why.
    """
    load = asyncio.run(_run(url, [body | {"model": model} for body in bodies], concurrency, limit_seconds))
    for answer in load.answers:
        if not may_fail and (limit_seconds is None or answer.seconds < limit_seconds):
            answer.require_complete()
    return load


async def _run(url: str, bodies: Sequence[dict[str, Any]], concurrency: int, limit_seconds: float | None) -> Load:
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 80
    waiting = deque((place, _request(host, body)) for place, body in enumerate(bodies))
    exchanges: dict[int, _Exchange] = {}

    async def client() -> None:
        while waiting:
            place, request = waiting.popleft()
            exchanges[place] = await _exchange(host, port, request, limit_seconds or LONGEST_ANSWER_SECONDS)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(client())
    answers = tuple(read_answer(exchanges[place].started, exchanges[place].pieces) for place in sorted(exchanges))
    return Load(answers, max(answer.ended for answer in answers) - started)


def _request(host: str, body: dict[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + data


class _Exchange(asyncio.Protocol):
    """One request on a connection of its own."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.started = 0.0
        self.pieces: list[tuple[float, bytes]] = []
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.started = time.perf_counter()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.pieces.append((time.perf_counter(), data))
        if data.endswith(LAST_CHUNK):  # the last chunk: some servers close late
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(exc)


async def _exchange(host: str, port: int, request: bytes, limit_seconds: float) -> _Exchange:
    loop = asyncio.get_running_loop()
    transport, exchange = await loop.create_connection(lambda: _Exchange(request), host, port)
    try:
        async with asyncio.timeout(limit_seconds):
            await exchange.ended
    except TimeoutError:
        transport.abort()
        exchange.pieces.append((time.perf_counter(), b""))  # the answer lasted until now
    return exchange
