"""Values that are nearly JSON: of Python, and of families with a notation of their own. Given on as JSON."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from labkit.chat.reading.source import BrokenError, Reading, Source

_MAX_DEPTH = 64
_WORD = re.compile(r"[A-Za-z0-9_+.\-]+")
_MOST_WORD = 400
_NAMES = {"True": "true", "False": "false", "None": "null", "true": "true", "false": "false", "null": "null"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "a": "\a", "v": "\v", "\n": ""}
_CODES = {"x": 2, "u": 4, "U": 8}


@dataclass(frozen=True, slots=True)
class Notation:
    """How values are written.

    Attributes:
        quotes: what begins and ends a string.
        has_escapes: a backslash in a string means what it means in Python.
        has_bare_keys: keys of an object stand without quotes.
    """

    quotes: tuple[str, ...] = ('"', "'")
    has_escapes: bool = True
    has_bare_keys: bool = False


def read_literal(source: Source, give: Callable[[str], None], notation: Notation, depth: int = 0) -> Reading[None]:
    """Give the next value as JSON text, while it is written. Raises BrokenError."""
    if depth > _MAX_DEPTH:
        raise BrokenError
    first = yield from source.skip()
    if first == "{":
        yield from _items(source, give, notation, depth, "{}")
    elif first in ("[", "("):
        yield from _items(source, give, notation, depth, "[]" if first == "[" else "()")
    else:
        for quote in notation.quotes:
            if (yield from source.accept(quote)):
                give('"')
                yield from _string(source, lambda text: give(_escaped(text)), quote, notation)
                give('"')
                return
        give((yield from _scalar(source)))


def _items(source: Source, give: Callable[[str], None], notation: Notation, depth: int, ends: str) -> Reading[None]:
    is_object = ends[0] == "{"
    source.take(1)
    give("{" if is_object else "[")
    is_first = True
    while (yield from source.skip()) != ends[1]:
        give("" if is_first else ", ")
        is_first = False
        if is_object:
            give(json.dumps((yield from _key(source, notation)), ensure_ascii=False) + ": ")
        yield from read_literal(source, give, notation, depth + 1)
        following = yield from source.skip()
        if following == ",":
            source.take(1)
        elif following != ends[1]:
            raise BrokenError
    source.take(1)
    give("}" if is_object else "]")


def _key(source: Source, notation: Notation) -> Reading[str]:
    yield from source.skip()
    for quote in notation.quotes:
        if (yield from source.accept(quote)):
            parts: list[str] = []
            yield from _string(source, parts.append, quote, notation)
            yield from source.skip()
            yield from source.expect(":")
            return "".join(parts)
    if not notation.has_bare_keys:
        raise BrokenError
    key, _ = yield from source.collect((":",), _MOST_WORD)
    return key.strip()


def _string(source: Source, give: Callable[[str], None], quote: str, notation: Notation) -> Reading[None]:
    """Take a string after its first quote."""
    if not notation.has_escapes:
        if not (yield from source.until((quote,), give)):
            raise BrokenError
        return
    while True:
        marker = yield from source.until((quote, "\\"), give)
        if not marker:
            raise BrokenError
        if marker == quote:
            return
        give((yield from _escape(source)))


def _escape(source: Source) -> Reading[str]:
    char = yield from source.peek()
    if not char:
        raise BrokenError
    source.take(1)
    if char not in _CODES:
        return _ESCAPES.get(char, char if char in "\"'\\/" else "\\" + char)
    code = yield from _hexadecimal(source, _CODES[char])
    if 0xD800 <= code < 0xDC00 and (yield from source.accept("\\u")):
        low = yield from _hexadecimal(source, 4)
        return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)) if 0xDC00 <= low < 0xE000 else "\ufffd"
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


def _hexadecimal(source: Source, digits: int) -> Reading[int]:
    while len(source.text) < digits and not source.is_over:
        yield
    try:
        return int(source.take(digits), 16)
    except ValueError:
        raise BrokenError from None


def _scalar(source: Source) -> Reading[str]:
    while True:
        found = _WORD.match(source.text)
        length = found.end() if found else 0
        if length < len(source.text) or source.is_over:
            break
        if length > _MOST_WORD:
            raise BrokenError
        yield
    word = source.take(length)
    if word in _NAMES:
        return _NAMES[word]
    try:
        number = json.loads(word)
    except ValueError:
        raise BrokenError from None
    if not isinstance(number, int | float) or number != number or number in (float("inf"), float("-inf")):
        raise BrokenError
    return word


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
