"""What a renderer and its process say to each other, and the limits that both know."""

import struct
from typing import IO, Any

import msgspec

HEADER = struct.Struct(">I")
PROCESSOR_SECONDS = 2.0
WALL_SECONDS = 30.0  # a busy machine is no fault of a template
MEMORY_BYTES = 512 * 1024 * 1024  # of address space, beyond what the process starts with
MAX_PROMPT_BYTES = 64 * 1024 * 1024
OUT_OF_MEMORY = "memory"
REFUSED = "refused"
TEXT = "text"
VARIABLES = "variables"


def read_frame(frames: IO[bytes]) -> dict[str, Any] | None:
    """The next object; None at the end of the stream. Blocks."""
    header = frames.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    body = frames.read(length)
    return msgspec.json.decode(body, type=dict[str, Any]) if len(body) == length else None


def write_frame(frames: IO[bytes], content: dict[str, Any]) -> None:
    """Send an object. Blocks until the pipe took it."""
    body = msgspec.json.encode(content)
    frames.write(HEADER.pack(len(body)) + body)
    frames.flush()
