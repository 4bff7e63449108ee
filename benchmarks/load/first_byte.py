"""Times to the first byte of streamed answers, one request after the other on one connection that is kept open."""

import json
import socket
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

_LAST_CHUNK = b"0\r\n\r\n"


def first_byte_seconds(url: str, model: str, bodies: Sequence[dict[str, Any]]) -> list[float]:
    """From sending each request to the first byte of its answer, which comes with the first token. Blocks.

    Raises RuntimeError for an answer that is none.
    """
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return [_first_byte(connection, body | {"model": model, "stream": True}) for body in bodies]


def _first_byte(connection: socket.socket, body: dict[str, Any]) -> float:
    content = json.dumps(body).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
    started = time.perf_counter()
    connection.sendall(request)
    answer = connection.recv(65536)
    seconds = time.perf_counter() - started
    while not answer.endswith(_LAST_CHUNK):
        more = connection.recv(65536)
        if not more or not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the server did not answer: {answer[:300]!r}")
        answer += more
    return seconds
