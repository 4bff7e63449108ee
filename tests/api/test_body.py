import asyncio
import json

import pytest
from starlette.datastructures import Headers

from labkit.api.body import MAX_DEPTH, parse_object, receive_body
from labkit.errors import InvalidRequestError, RequestTooLargeError


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a": 1,}', "line 1, column 9"),
        (b'{\n "a": tru}', "line 2, column 7"),
        (b"", "line 1, column 1"),
        (b"[1]", "must be a JSON object"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": ' + b"9" * 5000 + b"}", "number that is too long"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested deeper"),
        (b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "nested deeper"),
    ],
)
def test_what_is_not_a_json_object_is_refused_with_its_place(body, message):
    with pytest.raises(InvalidRequestError, match=message) as caught:
        parse_object(body)
    assert caught.value.code == "invalid_json"


def test_a_good_body_is_parsed():
    value = {"a": [1, 2.5, None, True], "b": {"c": "é😀\u2028"}}
    assert parse_object(json.dumps(value).encode()) == value
    assert parse_object(json.dumps(value, ensure_ascii=False).encode()) == value


def test_nesting_up_to_the_limit_is_fine():
    assert parse_object(b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}")


class Sender:
    """An ASGI receive that sends parts, then leaves the client hanging."""

    def __init__(self, *parts: bytes, ends: bool = True) -> None:
        self.parts = list(parts)
        self.ends = ends

    async def __call__(self):
        if not self.parts:
            await asyncio.Event().wait()
        part = self.parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts) or not self.ends}


def receive(sender, headers=None, limit_bytes=10, limit_seconds=5.0):
    return asyncio.run(receive_body(Headers(headers or {}), sender, limit_bytes, limit_seconds))


def test_a_body_at_the_limit_arrives_whole():
    assert receive(Sender(b"12345", b"67890")) == b"1234567890"


@pytest.mark.parametrize("headers", [{}, {"content-length": "3"}, {"content-length": "11"}])
def test_a_body_over_the_limit_is_counted_and_read_to_its_end(headers):
    sender = Sender(b"12345", b"67890", b"1")
    with pytest.raises(RequestTooLargeError):
        receive(sender, headers)
    assert sender.parts == []


def test_a_client_that_asks_first_is_refused_before_it_sends():
    sender = Sender(b"12345")
    with pytest.raises(RequestTooLargeError):
        receive(sender, {"content-length": "11", "expect": "100-continue"})
    assert sender.parts == [b"12345"]


def test_a_body_without_end_is_given_up():
    sender = Sender(*[b"12345"] * 1000)
    with pytest.raises(RequestTooLargeError):
        receive(sender)
    assert sender.parts


def test_a_slow_body_is_refused():
    with pytest.raises(InvalidRequestError, match="did not arrive"):
        receive(Sender(b"1", ends=False), limit_seconds=0.01)
