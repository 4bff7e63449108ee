"""What a storage host may do wrong, one request at a time."""

from dataclasses import dataclass
from typing import Literal

FaultKind = Literal[
    "cut",  # closes the connection after `at` bytes of the body
    "short",  # states and sends `at` bytes less than the range has
    "long",  # states and sends `at` bytes more
    "flip",  # one bit of the byte `at` of the body is another
    "whole",  # 200 and the whole file, whatever range was asked for
    "shifted",  # 206 with the range moved by `at` bytes, and stated so
    "lying_range",  # 206 that states the range asked for and sends another
    "etag",  # another ETag
    "stall",  # sends `at` bytes, then nothing more
    "gzip",  # the body, compressed
    "status",  # answers with `status`
    "redirect",  # sends on to `location`
    "html",  # 200 and a login page, as captive portals do
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `at` counts bytes of the body; `retry_after` is in seconds."""

    kind: FaultKind
    at: int = 0
    status: int = 503
    retry_after: str | None = None
    location: str = ""
