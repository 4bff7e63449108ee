"""Devices with a stated memory and nothing behind it, for llama.cpp's `--rpc`: what it would do with such cards.

llama.cpp counts every RPC device as a GPU and believes the memory it reports. Sizing a model (`no_alloc`) sends a
device no data, so the few questions that it does ask are answered here (protocol 7, ggml/src/ggml-rpc/ggml-rpc.cpp).
"""

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator, Sequence

PROTOCOL = (7, 0, 0)
CAPABILITIES_BYTES = 24
ALIGNMENT = 128  # as CUDA's buffers
ALLOC_BUFFER, GET_ALIGNMENT, GET_MAX_SIZE, BUFFER_GET_BASE = 0, 1, 2, 3
FREE_BUFFER, BUFFER_CLEAR = 4, 5
GET_DEVICE_MEMORY, GET_ALLOC_SIZE, HELLO, DEVICE_COUNT = 11, 13, 14, 15
SILENT = {FREE_BUFFER, BUFFER_CLEAR}
MAX_SIZE = (1 << 64) - 1
SOME_ADDRESS = 1 << 40


@contextlib.contextmanager
def cards(free_bytes: Sequence[int]) -> Iterator[str]:
    """A server of one device for each size, all of it free; yields its address for `--rpc`."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):
                _serve(self.request, free_bytes)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def _serve(connection: socket.socket, free_bytes: Sequence[int]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    quick_ack = getattr(socket, "TCP_QUICKACK", None)
    answers: dict[int, Callable[[bytes], bytes]] = {
        HELLO: lambda _request: bytes((*PROTOCOL, 0)) + bytes(CAPABILITIES_BYTES),
        DEVICE_COUNT: lambda _request: struct.pack("<I", len(free_bytes)),
        GET_DEVICE_MEMORY: lambda request: struct.pack("<2Q", *[free_bytes[struct.unpack_from("<I", request)[0]]] * 2),
        GET_ALIGNMENT: lambda _request: struct.pack("<Q", ALIGNMENT),
        GET_MAX_SIZE: lambda _request: struct.pack("<Q", MAX_SIZE),
        # A client takes the larger of this and the tensor's own size.
        GET_ALLOC_SIZE: lambda _request: struct.pack("<Q", 0),
        # Recurrent state is allocated even when a model is only sized.
        ALLOC_BUFFER: lambda request: struct.pack("<2Q", SOME_ADDRESS, struct.unpack_from("<IQ", request)[1]),
        BUFFER_GET_BASE: lambda _request: struct.pack("<Q", SOME_ADDRESS),
    }
    while True:
        if quick_ack is not None:  # a client sends a command in pieces, and each would wait for the last one's receipt
            connection.setsockopt(socket.IPPROTO_TCP, quick_ack, 1)
        command = _read(connection, 1)[0]
        request = _read(connection, struct.unpack("<Q", _read(connection, 8))[0])
        if command in answers:
            answer = answers[command](request)
            connection.sendall(struct.pack("<Q", len(answer)) + answer)
        elif command not in SILENT:
            raise ConnectionError(f"command {command} is for devices that compute")


def _read(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError("the client has gone")
        data += piece
    return bytes(data)
