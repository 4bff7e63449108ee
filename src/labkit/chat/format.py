"""What a family of models writes: everything labkit knows about it, as one value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from labkit.chat.answer import AnswerReader, read_answer
from labkit.chat.calls import ArgumentTypes, CallSyntax
from labkit.chat.reading import Output, Reading, Source
from labkit.chat.thinking import Thinking

Message = dict[str, Any]


class ReadAnswer(Protocol):
    """Takes a whole answer apart; see `read_answer`."""

    def __call__(
        self,
        source: Source,
        output: Output,
        *,
        thinking: tuple[Thinking, ...],
        calls: CallSyntax | None,
        types: ArgumentTypes,
        opened: Thinking | None = None,
        drops: tuple[str, ...] = (),
    ) -> Reading[None]:
        """Takes from `source`, gives to `output`."""
        ...


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """A family's way to answer.

    Attributes:
        name: of the family, as clients see it.
        markers: texts that a template of the family contains, all of them. Of the formats that fit, the one with the
            most text wins.
        calls: how it writes tool calls; None when it has no way.
        thinking: how it marks reasoning; what a template does not mention is not expected of its model.
        answer_opens: what stands before an answer that is no call.
        stops: texts that end an answer, where the vocabulary does not say so.
        drops: markers around the answer that mean nothing to a reader.
        efforts: the family's words for amounts of reasoning, where they are others than OpenAI's.
        always_thinks: reasoning cannot be switched off, whatever variables the template has.
        prepare: makes a message ready for the family's templates.
        read: takes an answer apart.
    """

    name: str
    markers: tuple[str, ...]
    calls: CallSyntax | None = None
    thinking: tuple[Thinking, ...] = (Thinking(),)
    answer_opens: str = ""
    stops: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    efforts: Mapping[str, str] = field(default_factory=dict[str, str])
    always_thinks: bool = False
    prepare: Callable[[Message], Message] = dict
    read: ReadAnswer = read_answer

    def thinking_in(self, source: str) -> tuple[Thinking, ...]:
        """Of `thinking`, what a model with the template `source` does."""
        return tuple(
            one for one in self.thinking if one.is_certain or any(mark in source for mark in (*one.opens, *one.closes))
        )

    def reader(
        self,
        types: ArgumentTypes,
        *,
        reads_calls: bool = True,
        thinking: tuple[Thinking, ...] = (),
        opened: Thinking | None = None,
    ) -> AnswerReader:
        """A fresh reader for one answer."""
        source, output = Source(), Output()
        calls = self.calls if reads_calls else None
        reading = self.read(
            source, output, thinking=thinking, calls=calls, types=types, opened=opened, drops=self.drops
        )
        return AnswerReader(source, output, reading)

    @property
    def all_markers(self) -> tuple[str, ...]:
        """Every text with a meaning: those that are control tokens have to be visible to the reader."""
        marks = [mark for one in self.thinking for mark in (*one.opens, *one.closes)]
        openers = list(self.calls.openers) if self.calls is not None else []
        return tuple(filter(None, (*marks, *openers, *self.drops, self.answer_opens, *self.stops)))
