"""The text of one answer, from its first token to its last."""

from collections.abc import Generator

from labkit.chat.calls.protocol import CallSyntax
from labkit.chat.calls.values import ArgumentTypes
from labkit.chat.pieces import Piece
from labkit.chat.reading import BrokenError, Output, Reading, Source
from labkit.chat.thinking import Thinking


class AnswerReader:
    """Splits a model's text, as it arrives, into content, reasoning and tool calls. Modifies itself; one per sequence.

    Nothing the model wrote is lost but the markers and the white space around them: what only looks like a call is
    content. A call that was cut off after its name stays as far as it came.
    """

    def __init__(self, source: Source, output: Output, reading: Reading[None]) -> None:
        """`reading` takes from `source` and gives to `output`."""
        self._source = source
        self._output = output
        self._reading: Generator[None, None, None] | None = reading
        next(reading, None)

    @property
    def is_reasoning(self) -> bool:
        """Whether the next text will be reasoning, as far as is known."""
        return self._output.is_reasoning

    def feed(self, text: str) -> list[Piece]:
        """What is certain after `text`; the rest is held back."""
        if text and self._reading is not None:
            self._source.text += text
            self._advance()
        return self._output.drain()

    def finish(self) -> list[Piece]:
        """What was held back."""
        if self._reading is not None:
            self._source.is_over = True
            self._advance()
            self._reading = None
        return self._output.drain()

    def _advance(self) -> None:
        assert self._reading is not None
        next(self._reading, None)


def read_answer(
    source: Source,
    output: Output,
    *,
    thinking: tuple[Thinking, ...],
    calls: CallSyntax | None,
    types: ArgumentTypes,
    opened: Thinking | None = None,
    drops: tuple[str, ...] = (),
) -> Reading[None]:
    """Most families: content, with reasoning and sections of calls between markers.

    `opened`: the prompt ends inside this kind of reasoning. `drops`: markers that mean nothing.
    """
    openers = calls.openers if calls is not None else ()
    by_marker = {marker: one for one in thinking for marker in one.opens}
    closes = tuple(mark for one in thinking for mark in one.closes)
    markers = (*by_marker, *openers, *drops, *closes)
    if opened is not None:
        yield from _reason(source, output, opened, openers, is_opened=True)
    if calls is not None and calls.is_bare:
        yield from _call(source, output, calls, "", types)
    while True:
        marker = yield from source.until(markers, output.content)
        if not marker:
            break
        if marker in by_marker:
            yield from _reason(source, output, by_marker[marker], openers)
            if calls is not None and calls.is_bare:
                yield from _call(source, output, calls, "", types)
        elif calls is not None and marker in openers:
            yield from _call(source, output, calls, marker, types)
        elif marker in closes and marker not in drops:
            _stray_end(output, marker)
    output.end_content()


def _reason(
    source: Source, output: Output, thinking: Thinking, openers: tuple[str, ...], *, is_opened: bool = False
) -> Reading[None]:
    """Reasoning up to its end; some models call without ending it, and some begin again what the prompt began."""
    output.begin_reasoning()
    if is_opened and (yield from source.skip()) == thinking.opens[0][0]:
        yield from source.accept(thinking.opens[0])
    ends = (*thinking.closes, *(openers if thinking.calls_end_it else ()))
    marker = yield from source.until(ends, output.reasoning)
    if marker in openers:
        source.text = marker + source.text
    if marker:
        output.end_reasoning()


def _stray_end(output: Output, marker: str) -> None:
    """An end without a beginning: where nothing was said yet, the prompt or the model had begun it; else it is text."""
    if output.is_begun:
        output.content(marker)
    else:
        output.end_reasoning()


def _call(source: Source, output: Output, calls: CallSyntax, opener: str, types: ArgumentTypes) -> Reading[None]:
    source.record(opener)
    try:
        yield from calls.read(source, output, opener, types)
    except BrokenError:
        output.content(source.release())
    source.release()
