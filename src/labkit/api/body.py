"""Request bodies: received with a limit on size and time, parsed with a limit on depth."""

import asyncio
import json
import re
from typing import Any, NoReturn

from starlette.datastructures import Headers
from starlette.types import Receive

from labkit.errors import InvalidRequestError, RequestTooLargeError

MAX_DEPTH = 64
# A body over the limit is read to its end and thrown away: closing a socket that holds unread data would
# destroy the answer on its way to the client. Beyond this size the client gets what it asked for.
DISCARD_FACTOR = 64
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


async def receive_body(headers: Headers, receive: Receive, limit_bytes: int, limit_seconds: float) -> bytes:
    """The whole body.

    Raises RequestTooLargeError over `limit_bytes` (counted, whatever Content-Length says), InvalidRequestError
    when it takes longer than `limit_seconds`.
    """
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes and "expect" in headers:
        raise RequestTooLargeError(limit_bytes)  # the client asks before it sends: nothing to throw away
    body = bytearray()
    num_bytes = 0
    try:
        async with asyncio.timeout(limit_seconds):
            more = True
            while more and num_bytes <= limit_bytes * DISCARD_FACTOR:
                message = await receive()
                part = message.get("body", b"")
                num_bytes += len(part)
                if num_bytes <= limit_bytes:
                    body += part
                more = message.get("more_body", False)
    except TimeoutError:
        text = f"the request body did not arrive within {limit_seconds:.0f} s"
        raise InvalidRequestError(text, code="slow_body") from None
    if num_bytes > limit_bytes:
        raise RequestTooLargeError(limit_bytes)
    return bytes(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises InvalidRequestError that says where it is broken."""
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise _invalid(f"the body is not UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _invalid(f"the body is not valid JSON: {error.msg} at {place}") from error
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # an integer of thousands of digits
        raise _invalid("the body holds a number that is too long") from error
    if not isinstance(value, dict):
        raise _invalid("the body must be a JSON object")
    _check_depth(value)
    if _SURROGATE_ESCAPE.search(body):
        _check_unicode(value)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise _too_deep()


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
