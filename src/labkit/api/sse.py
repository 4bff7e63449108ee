"""Server-sent events: how they are written."""

from collections.abc import Mapping
from typing import Any

import msgspec

PING = b": ping\n\n"
MEDIA_TYPE = "text/event-stream"
_json = msgspec.json.Encoder()


def event(value: Mapping[str, Any], name: str = "") -> bytes:
    """One event: its name if it has one, a line of JSON, and an empty line.

    Lines end with LF, because some clients split on LF-LF only. Readers that use str.splitlines would break lines at
    three more characters: see `quoted`.
    """
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + quoted(value) + b"\n\n"


def quoted(value: Mapping[str, Any] | str) -> bytes:
    """JSON that stays on one line whoever reads it."""
    line = _json.encode(value)
    if not line.isascii():
        for character in "\x85\u2028\u2029":
            line = line.replace(character.encode(), b"\\u%04x" % ord(character))
    return line


DONE = b"data: [DONE]\n\n"
