import asyncio
import json

import pytest
from starlette.datastructures import Headers

from labkit.api.body import MAX_DEPTH, BodyPace, declared_bytes, parse_object, receive_body
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


def receive(sender, headers=None, limit_bytes=10, pace=None):
    declared = declared_bytes(Headers(headers or {}))
    return asyncio.run(receive_body(declared, sender, limit_bytes, pace or BodyPace()))


def test_a_body_at_the_limit_arrives_whole():
    assert receive(Sender(b"12345", b"67890")) == b"1234567890"


@pytest.mark.parametrize("headers", [{}, {"content-length": "3"}])
def test_a_body_over_the_limit_is_counted(headers):
    with pytest.raises(RequestTooLargeError):
        receive(Sender(b"12345", b"67890", b"1"), headers)


@pytest.mark.parametrize("declared", ["11", "9" * 5000])
def test_a_body_that_is_declared_too_large_is_refused_unread(declared):
    sender = Sender(b"12345")
    with pytest.raises(RequestTooLargeError):
        receive(sender, {"content-length": declared})
    assert sender.parts == [b"12345"]


@pytest.mark.parametrize("length", ["", "-1", "1_0", "٣", "x"])
def test_a_length_that_is_no_number_says_nothing(length):
    # As it would arrive: header values travel as latin-1.
    assert declared_bytes(Headers(raw=[(b"content-length", length.encode("latin-1", "replace"))])) is None


def test_a_body_that_does_not_come_is_refused():
    with pytest.raises(InvalidRequestError, match="too slowly") as caught:
        receive(Sender(b"1", ends=False), pace=BodyPace(seconds=9.0, grace_seconds=0.01))
    assert caught.value.code == "slow_body"


def test_a_body_that_breaks_off_is_not_taken_for_a_short_one():
    async def leave():
        return {"type": "http.disconnect"}

    with pytest.raises(InvalidRequestError, match="left"):
        receive(leave)


def test_a_body_may_be_slow_at_first_never_for_long():
    pace = BodyPace(seconds=30.0, grace_seconds=10.0, bytes_per_second=1000)
    assert [pace.deadline(sent) for sent in (0, 9_999, 20_000, 10**6)] == [10.0, 10.0, 20.0, 30.0]


@pytest.mark.parametrize("number", ["1" * 21, "-" + "9" * 21, "1" * 100_000])
def test_long_integers_are_refused(number):
    with pytest.raises(InvalidRequestError, match="20 digits"):
        parse_object(b'{"seed": ' + number.encode() + b"}")


def test_integers_of_twenty_digits_and_texts_of_many_are_fine():
    value = {"seed": -(10**20 - 1), "text": "3" * 1000, "small": 0.1234567890123456789012345}
    assert parse_object(json.dumps(value).encode()) == value


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_the_deepest_body_there_can_be_is_refused_at_once(opening):
    with pytest.raises(InvalidRequestError, match="nested deeper"):
        parse_object(b'{"a":' + opening * (8 * 1024 * 1024 // len(opening)))
