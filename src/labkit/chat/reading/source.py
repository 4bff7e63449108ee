"""Text that arrives in parts, and the few ways to take it: up to a marker, by a pattern, exactly."""

import functools
import re
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

_T = TypeVar("_T")
Reading = Generator[None, None, _T]
"""A reader: yields where it needs more text, returns what it found."""


class BrokenError(Exception):
    """The text is not what its beginning promised. Never leaves this package: the text becomes content."""


class Source:
    """What has arrived and was not taken yet. Modifies itself.

    Between `record` and `release` it remembers what is taken since the last `mark`, so that text can be given back as
    it was when it turns out to be no call.
    """

    __slots__ = ("_taken", "is_over", "text")

    def __init__(self) -> None:
        self.text = ""
        self.is_over = False
        self._taken: list[str] | None = None

    def record(self, text: str) -> None:
        """Remember what is taken from here on, and `text`, which was taken already."""
        self._taken = [text]

    def mark(self) -> None:
        """Everything up to here has its meaning."""
        if self._taken:
            self._taken.clear()

    def release(self) -> str:
        """What was taken since the last mark; it is not remembered any more."""
        taken, self._taken = self._taken, None
        return "".join(taken or ())

    def take(self, length: int) -> str:
        """The next `length` characters."""
        text, self.text = self.text[:length], self.text[length:]
        if self._taken is not None:
            self._taken.append(text)
        return text

    def put_back(self, text: str) -> None:
        """Undo the last taking, of `text`."""
        self.text = text + self.text
        if self._taken and text:
            self._taken[-1] = self._taken[-1].removesuffix(text)

    def until(self, markers: Sequence[str], give: Callable[[str], None]) -> Reading[str]:
        """Give the text before the first of `markers` as soon as it is certain; the marker, "" at the end of it all."""
        pattern = _alternatives(tuple(markers))
        while True:
            found = pattern.search(self.text)
            if found is not None and (self.is_over or not _may_grow(self.text, found, markers)):
                self._give(found.start(), give)
                return self.take(len(found[0]))
            if self.is_over:
                self._give(len(self.text), give)
                return ""
            end = found.start() if found is not None else len(self.text)
            self._give(end - open_suffix_length(self.text[:end], markers), give)
            yield

    def collect(self, markers: Sequence[str], most: int = 1 << 20) -> Reading[tuple[str, str]]:
        """(text before the first of `markers`, the marker). Raises BrokenError when none comes within `most`."""
        parts: list[str] = []
        size = 0

        def keep(text: str) -> None:
            nonlocal size
            size += len(text)
            if size > most:
                raise BrokenError
            parts.append(text)

        marker = yield from self.until(markers, keep)
        if not marker:
            raise BrokenError
        return "".join(parts), marker

    def quoting(self, marker: str, is_quoted: Callable[[str], bool]) -> Reading[str]:
        """The text before the first `marker` that is not quoted in what comes before it, which is asked of `is_quoted`.

        Where every one is, the first one counts. Raises BrokenError when there is none.
        """
        first = at = -1
        while True:
            at = self.text.find(marker, at + 1)
            if at >= 0 and first < 0:
                first = at
            if at >= 0 and not is_quoted(self.text[:at]):
                break
            if at < 0 and self.is_over:
                at = first
                break
            if at < 0:
                at = max(len(self.text) - len(marker), -1)
                yield
        if at < 0:
            raise BrokenError
        text = self.take(at)
        self.take(len(marker))
        return text

    def expect(self, text: str) -> Reading[None]:
        """Take exactly `text`. Raises BrokenError as soon as something else comes."""
        while len(self.text) < len(text):
            if self.is_over or not text.startswith(self.text):
                raise BrokenError
            yield
        if not self.text.startswith(text):
            raise BrokenError
        self.take(len(text))

    def accept(self, text: str) -> Reading[bool]:
        """Take `text` if it is next."""
        while len(self.text) < len(text) and text.startswith(self.text) and not self.is_over:
            yield
        if not self.text.startswith(text):
            return False
        self.take(len(text))
        return True

    def peek(self) -> Reading[str]:
        """The next character, "" at the end; it is not taken."""
        while not self.text and not self.is_over:
            yield
        return self.text[:1]

    def skip(self, characters: str = " \t\r\n") -> Reading[str]:
        """Take white space; the next character, "" at the end, which is not taken."""
        while True:
            rest = self.text.lstrip(characters)
            self.take(len(self.text) - len(rest))
            if rest or self.is_over:
                return rest[:1]
            yield

    def _give(self, length: int, give: Callable[[str], None]) -> None:
        if length > 0:
            give(self.take(length))


def open_suffix_length(text: str, markers: Sequence[str]) -> int:
    """Length of the longest end of `text` that could still become one of `markers`."""
    firsts, longest = _edges(tuple(markers))
    found = firsts.search(text, max(len(text) - longest + 1, 0))
    while found is not None:
        tail = text[found.start() :]
        if any(marker.startswith(tail) for marker in markers):
            return len(tail)
        found = firsts.search(text, found.end())
    return 0


def _may_grow(text: str, found: "re.Match[str]", markers: Sequence[str]) -> bool:
    """Whether the marker that ends the text may be the beginning of a longer one."""
    rest = text[found.start() :]
    return any(len(marker) > len(rest) and marker.startswith(rest) for marker in markers)


@functools.lru_cache(maxsize=512)
def _alternatives(markers: tuple[str, ...]) -> "re.Pattern[str]":
    return re.compile("|".join(re.escape(marker) for marker in sorted(markers, key=len, reverse=True)) or "(?!)")


@functools.lru_cache(maxsize=512)
def _edges(markers: tuple[str, ...]) -> "tuple[re.Pattern[str], int]":
    """(a pattern for the first character of any of them, length of the longest)."""
    firsts = "|".join(re.escape(first) for first in sorted({marker[0] for marker in markers}))
    return re.compile(firsts or "(?!)"), max(map(len, markers), default=0)
