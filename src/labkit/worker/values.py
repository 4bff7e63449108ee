"""What every message is made of: msgspec structs, written as arrays, because one crosses the wire for every token."""

from typing import Literal

from msgspec import Struct

ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Value(Struct, frozen=True, array_like=True):
    """A part of a message."""


class Message(Value, frozen=True, array_like=True, tag=True):
    """A whole message, told from others by its class name."""


class ErrorInfo(Value, frozen=True, array_like=True):
    """An error of labkit's tree on the wire. `kind` is the class name in `labkit.errors`."""

    kind: str
    message: str
    hint: str = ""
    param: str | None = None
    code: str | None = None
    retry_after_seconds: int | None = None
