"""Messages as bytes: a four-byte length, then JSON. No pickle: bytes from a worker are data, never code."""

import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from labkit import errors
from labkit.errors import LabkitError
from labkit.worker.messages import ErrorInfo, FromFront, FromWorker

HEADER = struct.Struct(">I")
MAX_FRAME_BYTES = 64 * 1024 * 1024

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(FromFront | FromWorker)


class WireError(LabkitError):
    """The other side does not speak the protocol (a bug, or a torn pipe)."""


def pack(message: FromFront | FromWorker) -> bytes:
    """One frame. Raises WireError when it would be over 64 MiB."""
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise WireError(f"a message of {len(body)} bytes is over the limit of {MAX_FRAME_BYTES}")
    return HEADER.pack(len(body)) + body


def body_length(header: bytes) -> int:
    """Bytes that follow a four-byte header. Raises WireError when over the limit."""
    (length,) = HEADER.unpack(header)
    if length > MAX_FRAME_BYTES:
        raise WireError(f"a frame of {length} bytes is over the limit of {MAX_FRAME_BYTES}")
    return length


def unpack(body: bytes) -> FromFront | FromWorker:
    """The message in a frame's body. Raises WireError for anything else."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise WireError(f"not a message of this protocol: {body[:80]!r}") from error


class FrameReader:
    """Cuts a stream of bytes into messages, however they arrive. Modifies itself."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[FromFront | FromWorker]:
        """Messages that are complete now. Raises WireError at the first that is none; nothing can be read after it."""
        buffer = self._buffer
        buffer += data
        start, size = 0, len(buffer)
        while size - start >= HEADER.size:
            end = start + HEADER.size + body_length(bytes(buffer[start : start + HEADER.size]))
            if end > size:
                break
            yield unpack(bytes(buffer[start + HEADER.size : end]))
            start = end
        del buffer[:start]


def describe_error(error: LabkitError) -> ErrorInfo:
    """An error as it crosses the wire."""
    return ErrorInfo(
        kind=type(error).__name__,
        message=error.message,
        hint=error.hint,
        param=getattr(error, "param", None),
        code=getattr(error, "code", None),
        retry_after_seconds=getattr(error, "retry_after_seconds", None),
    )


def restore_error(info: ErrorInfo) -> LabkitError:
    """The error on the other side: same class, message, hint and numbers. Unknown kinds become LabkitError."""
    kind = getattr(errors, info.kind, LabkitError)
    if not (isinstance(kind, type) and issubclass(kind, LabkitError)):
        kind = LabkitError
    error = kind.__new__(kind)
    LabkitError.__init__(error, info.message, hint=info.hint)
    for name in ("param", "code", "retry_after_seconds"):
        setattr(error, name, getattr(info, name))
    return error
