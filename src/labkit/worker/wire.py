"""Messages as bytes: a four-byte length, then JSON. No pickle: bytes from a worker are data, never code."""

import json
import struct
from dataclasses import asdict
from typing import Any, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from labkit import errors
from labkit.errors import LabkitError
from labkit.worker.messages import ErrorInfo, FromFront, FromWorker

HEADER = struct.Struct(">I")
MAX_FRAME_BYTES = 64 * 1024 * 1024

_KINDS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind) for kind in (*get_args(FromFront), *get_args(FromWorker))
}
_Message = TypeVar("_Message", FromFront, FromWorker)


class WireError(LabkitError):
    """The other side does not speak the protocol (a bug, or a torn pipe)."""


def pack(message: FromFront | FromWorker) -> bytes:
    """One frame. Raises WireError when it would be over 64 MiB."""
    body = json.dumps({"kind": type(message).__name__, **asdict(message)}, separators=(",", ":")).encode()
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
        fields = json.loads(body)
        return _KINDS[fields.pop("kind")].validate_python(fields)
    except (ValueError, KeyError, AttributeError, TypeError, ValidationError) as error:
        raise WireError(f"not a message of this protocol: {body[:80]!r}") from error


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
