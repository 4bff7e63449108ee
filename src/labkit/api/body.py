"""Request bodies: received with a limit on size and time, parsed with a limit on depth."""

import asyncio
import contextlib
import gc
import json
import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NoReturn

from starlette.datastructures import Headers
from starlette.types import Receive

from labkit.errors import InvalidRequestError, RequestTooLargeError

MAX_DEPTH = 64
MAX_DIGITS = 20
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_DIGITS_ONLY = bytes(ord("0") if ord("0") <= byte <= ord("9") else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * (MAX_DIGITS + 1)
_LARGE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class BodyPace:
    """How fast a body must come: whole within `seconds`, and after `grace_seconds` never slower than so many bytes."""

    seconds: float = 30.0
    grace_seconds: float = 10.0
    bytes_per_second: int = 1000

    def deadline(self, num_bytes: int) -> float:
        """Seconds after the head until which more must have come, when `num_bytes` have."""
        return min(self.seconds, max(self.grace_seconds, num_bytes / self.bytes_per_second))


def declared_bytes(headers: Headers) -> int | None:
    """What Content-Length says; None where it says nothing that is a number."""
    text = headers.get("content-length", "")
    return int(text[:MAX_DIGITS]) if text.isascii() and text.isdigit() else None


async def receive_body(declared: int | None, receive: Receive, limit_bytes: int, pace: BodyPace) -> bytes:
    """The whole body.

    Raises RequestTooLargeError over `limit_bytes` (counted, whatever was declared), InvalidRequestError when it comes
    too slowly.
    """
    if declared is not None and declared > limit_bytes:
        raise RequestTooLargeError(limit_bytes)
    body = bytearray()
    started = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(started + pace.deadline(0)) as patience:
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise InvalidRequestError("the client left before its request was whole", code="client_left")
                body += message.get("body", b"")
                if len(body) > limit_bytes:
                    raise RequestTooLargeError(limit_bytes)
                patience.reschedule(started + pace.deadline(len(body)))
                more = message.get("more_body", False)
    except TimeoutError:
        text = "the request body came too slowly, or not whole"
        hint = f"send it within {pace.seconds:.0f} s, and at {pace.bytes_per_second} bytes a second at least"
        raise InvalidRequestError(text, code="slow_body", hint=hint) from None
    return bytes(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises InvalidRequestError that says where it is broken."""
    parse_int = _int if _LONG_NUMBER in body.translate(_DIGITS_ONLY) else None  # the usual way is written in C
    try:
        with _without_collections(len(body)):
            value = json.loads(body.decode(), parse_constant=_refuse_constant, parse_int=parse_int)
    except UnicodeDecodeError as error:
        raise _invalid(f"the body is not UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _invalid(f"the body is not valid JSON: {error.msg} at {place}") from error
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(value, dict):
        raise _invalid("the body must be a JSON object")
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    if _SURROGATE_ESCAPE.search(body):
        _check_unicode(value)
    return value


def _int(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise _invalid(f"the body holds a number that is too long (over {MAX_DIGITS} digits)")
    return int(digits)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        children: list[Any] = []
        for parent in level:
            children += parent.values() if type(parent) is dict else parent
        level = [child for child in children if type(child) is list or type(child) is dict]
        if not level:
            return
    raise _too_deep()


@contextlib.contextmanager
def _without_collections(num_bytes: int) -> Generator[None, None, None]:
    """Collect no garbage meanwhile: what a parser makes is none, and looking for it took nine tenths of the time."""
    if num_bytes < _LARGE_BYTES or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _check_unicode(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _invalid("the body holds half of a surrogate pair, which is not text") from error


def _refuse_constant(name: str) -> NoReturn:
    raise _invalid(f"the body holds {name}, which is not JSON")


def _too_deep() -> InvalidRequestError:
    return _invalid(f"the body is nested deeper than {MAX_DEPTH} levels")


def _invalid(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="invalid_json")
