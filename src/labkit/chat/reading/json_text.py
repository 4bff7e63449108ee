"""JSON as a model writes it: where a value ends, and calls written as objects."""

import json
import re
from collections.abc import Callable, Collection, Container

from labkit.chat.reading.output import Output
from labkit.chat.reading.source import BrokenError, Reading, Source

_PLAIN = re.compile(r'[^"\\{}\[\]]+')
_IN_STRING = re.compile(r'[^"\\]+')
_SCALAR_END = re.compile(r"[,}\]\s;]")
_SCALAR = re.compile(r"[-+0-9.eEtruefalsn]+")
_MOST_SCALAR = 64
_OTHER_KEYS = frozenset({"id", "type", "index"})


class _Nesting:
    """Finds the end of an object, an array or a string in text that arrives in parts. Modifies itself."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self.is_in_string = False
        self._escaped = False

    def measure(self, text: str) -> tuple[int, bool | None]:
        """(characters of `text` that belong to the value, whether it is complete; None where it is none)."""
        at = 0
        while at < len(text):
            if self.is_in_string:
                at = self._string(text, at)
            else:
                following = self._step(text, at)
                if following == at:
                    return at, None
                at = following
            if not self._open and not self.is_in_string:
                return at, True
        return at, False

    def _string(self, text: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        found = _IN_STRING.match(text, at)
        if found is not None:
            return found.end()
        if text[at] == "\\":
            self._escaped = True
        else:
            self.is_in_string = False
        return at + 1

    def _step(self, text: str, at: int) -> int:
        found = _PLAIN.match(text, at) if self._open else None
        if found is not None:
            return found.end()
        char = text[at]
        if char == '"':
            self.is_in_string = True
        elif char in "{[":
            self._open.append("}" if char == "{" else "]")
        elif char != self._open.pop():
            return at
        return at + 1


def ends_in_string(text: str) -> bool:
    """Whether a JSON value that begins with `text` is in the middle of a string at its end."""
    nesting = _Nesting()
    length, is_complete = nesting.measure(text.lstrip())
    return is_complete is False and length > 0 and nesting.is_in_string


def read_value(source: Source, give: Callable[[str], None]) -> Reading[None]:
    """Give the text of the next JSON value as it comes. Raises BrokenError for what is none, or not whole."""
    first = yield from source.skip()
    if first not in ('"', "{", "["):
        give((yield from _scalar(source)))
        return
    nesting = _Nesting()
    while True:
        length, is_complete = nesting.measure(source.text)
        if length:
            give(source.take(length))
        if is_complete:
            return
        if is_complete is None or source.is_over:
            raise BrokenError
        yield


def whole_value(source: Source) -> Reading[str]:
    """The text of the next JSON value. Raises BrokenError."""
    parts: list[str] = []
    yield from read_value(source, parts.append)
    return "".join(parts)


def read_call(
    source: Source,
    output: Output,
    names: Collection[str] = ("name",),
    arguments: Collection[str] = ("arguments",),
    known: Container[str] | None = None,
) -> Reading[None]:
    """One call as an object with a name and its arguments, in any order. Raises BrokenError for anything else.

    Arguments that follow the name are given while they are written. After the name nothing is taken back: text that
    does not fit any more is content. With `known` names an object without one of them, or with a key that no call has,
    is none: it may be an answer in JSON.
    """
    yield from source.skip()
    yield from source.expect("{")
    call = _Call(source, output)
    while (yield from source.skip()) != "}":
        key = _text((yield from whole_value(source)))
        if known is not None and key not in names and key not in arguments and key not in _OTHER_KEYS:
            raise BrokenError
        yield from source.skip()
        yield from source.expect(":")
        first = yield from source.skip()
        if key in names and call.name is None:
            name = _text((yield from whole_value(source)))
            if known is not None and name not in known:
                raise BrokenError
            call.begin(name)
        elif key in arguments and call.name is not None and not call.has_arguments and first in ("{", "["):
            call.has_arguments = True
            yield from read_value(source, call.give)
        elif key in arguments and not call.has_arguments:
            call.put((yield from whole_value(source)))
        else:
            yield from whole_value(source)
        if (yield from source.skip()) == ",":
            source.take(1)
    source.take(1)
    call.end()


def read_keyed_call(source: Source, output: Output) -> Reading[None]:
    """One call as an object with its name for the only key. Raises BrokenError for anything else."""
    yield from source.skip()
    yield from source.expect("{")
    call = _Call(source, output)
    call.begin(_text((yield from whole_value(source))))
    yield from source.skip()
    yield from source.expect(":")
    yield from read_value(source, call.give)
    yield from source.skip()
    yield from source.expect("}")
    source.mark()


class _Call:
    """One call while it is read. Modifies itself."""

    def __init__(self, source: Source, output: Output) -> None:
        self._source = source
        self._output = output
        self._held = ""
        self.name: str | None = None
        self.has_arguments = False

    def begin(self, name: str) -> None:
        self.name = name
        self._output.call(name)
        self.give(self._held)

    def put(self, value: str) -> None:
        """Whole arguments, which some models write as a string that holds JSON, and some before the name."""
        self.has_arguments = True
        text = _text(value) if value.startswith('"') else value
        if self.name is None:
            self._held = text
        else:
            self.give(text)

    def give(self, text: str) -> None:
        self._output.arguments(text)
        self._source.mark()

    def end(self) -> None:
        if self.name is None:
            raise BrokenError
        self.give("" if self.has_arguments else "{}")


def _text(text: str) -> str:
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        raise BrokenError from None
    if not isinstance(value, str):
        raise BrokenError
    return value


def _scalar(source: Source) -> Reading[str]:
    while True:
        found = _SCALAR_END.search(source.text)
        end = found.start() if found is not None else len(source.text)
        if end > _MOST_SCALAR:
            raise BrokenError
        if found is not None or source.is_over:
            break
        if source.text and _SCALAR.fullmatch(source.text) is None:
            raise BrokenError
        yield
    text = source.text[:end]
    try:
        json.loads(text)
    except ValueError:
        raise BrokenError from None
    return source.take(end)
