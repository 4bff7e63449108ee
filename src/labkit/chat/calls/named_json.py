"""Calls as a name, a marker and arguments in JSON."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from labkit.chat.calls.protocol import Call
from labkit.chat.calls.values import ArgumentTypes
from labkit.chat.grammar import Function, Grammar, either
from labkit.chat.reading import BrokenError, Output, Reading, Source
from labkit.chat.reading.json_text import read_value

_MOST_NAME = 256
_ID = re.compile(r"\s*[A-Za-z0-9_.:-]{0,64}\s*")
_INDEX = "{index}"
_NAME = "{name}"


@dataclass(frozen=True, slots=True)
class NamedJsonCalls:
    """`open` (`start` name `middle` JSON `end`)... `close`.

    Attributes:
        open, close: around all calls; "" where each stands for itself.
        id_end: the call's id stands before the name, and this after it.
        id_start: the call's id may stand after the name, and this before it.
        name_form: how the name is written: "functions.{name}:{index}".
        between: what stands between two calls.
        is_single: the family never writes two calls in one answer.
    """

    start: str
    middle: str
    end: str = ""
    open: str = ""
    close: str = ""
    id_end: str = ""
    id_start: str = ""
    name_form: str = _NAME
    between: str = ""
    is_single: bool = False

    is_bare = False

    @property
    def stop_after_one(self) -> str:
        """See CallSyntax.stop_after_one."""
        return self.end.strip()

    @property
    def openers(self) -> tuple[str, ...]:
        """See CallSyntax.openers. Some models leave out the section."""
        return (self.open, self.start) if self.open else (self.start,)

    def read(self, source: Source, output: Output, opener: str, types: ArgumentTypes) -> Reading[None]:
        """See CallSyntax.read."""
        is_section = bool(self.open) and opener == self.open
        if is_section:
            yield from source.skip()
            yield from source.expect(self.start)
        while True:
            yield from self._one(source, output)
            if not is_section:
                return
            yield from source.skip()
            if not (yield from source.accept(self.start)):
                break
        yield from source.expect(self.close)

    def write(self, calls: Sequence[Call]) -> str:
        """See CallSyntax.write."""
        return (
            self.open + self.between.join(self._written(call, index) for index, call in enumerate(calls)) + self.close
        )

    def forced(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.forced."""
        call = f"{grammar.text(self.start)} {self._unopened(grammar, functions)}"
        if parallel and not self.is_single:
            name = grammar.rule(call)
            call = f"{name} ({grammar.maybe(self.between)} {name})*"
        return f"{grammar.text(self.open)} {call} {grammar.text(self.close)}" if self.open else call

    def offered(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.offered."""
        if not self.open:
            one = grammar.rule(f"{grammar.until(self.start)} {self._unopened(grammar, functions)}")
            return f"{one}{'*' if parallel and not self.is_single else '?'} {grammar.free()}"
        call = grammar.rule(f"{grammar.text(self.start)} {self._unopened(grammar, functions)}")
        more = f"({grammar.maybe(self.between)} {call})*" if parallel else ""
        section = f"{grammar.until(self.open)} {call} {more} {grammar.text(self.close)}"
        return f"{grammar.rule(section)}? {grammar.free()}"

    def _one(self, source: Source, output: Output) -> Reading[None]:
        if self.id_end:
            _check_id((yield from source.collect((self.id_end,), _MOST_NAME))[0])
        ends = (self.middle.rstrip(), *((self.id_start,) if self.id_start else ()))
        name, end = yield from source.collect(ends, _MOST_NAME)
        if end == self.id_start and self.id_start:
            _check_id((yield from source.collect((self.middle.rstrip(),), _MOST_NAME))[0])
        name = self._bare_name(name.strip())
        if not name or (yield from source.skip()) not in ("{", "["):
            raise BrokenError
        output.call(name)
        source.mark()

        def give(text: str) -> None:
            output.arguments(text)
            source.mark()

        yield from read_value(source, give)
        if self.end:
            yield from source.skip()
            yield from source.expect(self.end.lstrip())
            source.mark()

    def _bare_name(self, name: str) -> str:
        before, _, after = self.name_form.partition(_NAME)
        name = name.removeprefix(before)
        return re.sub(r":\d+$", "", name) if after else name

    def _written(self, call: Call, index: int) -> str:
        name = self.name_form.replace(_NAME, call.name).replace(_INDEX, str(index))
        call_id = (call.id or f"call{index}") + self.id_end if self.id_end else ""
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        return f"{self.start}{call_id}{name}{self.middle}{arguments}{self.end}"

    def _unopened(self, grammar: Grammar, functions: Sequence[Function]) -> str:
        return grammar.rule(either([self._call(grammar, function) for function in functions]))

    def _call(self, grammar: Grammar, function: Function) -> str:
        parts: list[str] = []
        if self.id_end:
            parts += [grammar.pattern("[A-Za-z0-9_-]{1,40}"), grammar.text(self.id_end)]
        before, index, after = self.name_form.replace(_NAME, function.name).partition(_INDEX)
        if index:
            parts += [grammar.text(before), grammar.pattern("[0-9]{1,3}"), grammar.text(after + self.middle)]
        else:
            parts.append(grammar.text(before))
            if self.id_start:
                parts.append(f"({grammar.text(self.id_start)} {grammar.pattern('[A-Za-z0-9_-]{1,40}')})?")
            parts.append(grammar.text(self.middle))
        parts.append(grammar.json(function.language))
        if self.end:
            parts.append(grammar.text(self.end))
        return grammar.rule(" ".join(parts))


def _check_id(text: str) -> None:
    """An id is left out of what clients get, as they get one of ours; what is none must not be."""
    if _ID.fullmatch(text) is None:
        raise BrokenError
