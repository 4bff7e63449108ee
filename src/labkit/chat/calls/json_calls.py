"""Calls as JSON objects with a name and arguments: each between markers, or all in one list."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from labkit.chat.calls.protocol import Call
from labkit.chat.calls.values import ArgumentTypes
from labkit.chat.grammar import Function, Grammar, either
from labkit.chat.reading import BrokenError, Output, Reading, Source
from labkit.chat.reading.json_text import read_call, read_keyed_call


@dataclass(frozen=True, slots=True)
class JsonCalls:
    """`open` objects `close`.

    Attributes:
        form: a section for each call, a section with a list, or one with an object on each line.
        name, arguments: their keys.
        number: key of a number that is written before them, as a string; "" for none.
        id: key of an id that may be written after them.
        inside: white space between the markers and what is between them; models differ, so it is never demanded.
        between: what stands between two calls.
        others: markers that begin a call too, though the template does not write them.
        is_keyed: a call is an object with the name for a key and the arguments for its value.
        is_bare: an answer that is a call may begin without a marker.
    """

    open: str
    close: str = ""
    form: Literal["each", "list", "lines"] = "each"
    name: str = "name"
    arguments: str = "arguments"
    number: str = ""
    id: str = ""
    inside: str = "\n"
    between: str = "\n"
    others: tuple[str, ...] = ()
    is_keyed: bool = False
    is_bare: bool = False
    stop_after_one: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "stop_after_one", self.close if self.form == "each" and not self.is_bare else "")

    @property
    def openers(self) -> tuple[str, ...]:
        """See CallSyntax.openers."""
        return (*((self.open,) if self.open else ()), *self.others)

    def read(self, source: Source, output: Output, opener: str, types: ArgumentTypes) -> Reading[None]:
        """See CallSyntax.read. A list and objects in a row are both read, whatever the form."""
        names, arguments = {self.name, "name"}, {self.arguments, "arguments", "parameters"}
        known = None if opener else types
        if not opener and (yield from source.skip()) != "{":
            raise BrokenError
        is_list = (yield from source.skip()) == "["
        if is_list:
            source.take(1)
        while (following := (yield from source.skip())) != "]" or not is_list:
            if self.is_keyed:
                yield from read_keyed_call(source, output)
            else:
                yield from read_call(source, output, names, arguments, known)
            following = yield from source.skip()
            if following and following in ",;":
                source.take(1)
            elif not (is_list or following == "{"):
                break
        if is_list:
            yield from source.expect("]")
        source.mark()
        if self.close and opener:
            yield from source.skip()
            yield from source.expect(self.close)

    def write(self, calls: Sequence[Call]) -> str:
        """See CallSyntax.write."""
        objects = [self._object(call, index) for index, call in enumerate(calls)]
        if self.form == "each":
            return self.between.join(self.open + self.inside + one + self.inside + self.close for one in objects)
        body = f"[{', '.join(objects)}]" if self.form == "list" else "\n".join(objects)
        return self.open + self.inside + body + self.inside + self.close

    def forced(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.forced."""
        opener = grammar.text(self.open) if self.open else ""
        if self.form != "each" or not parallel:
            return f"{opener} {self._unopened(grammar, functions, parallel=parallel)}"
        call = grammar.rule(f"{opener} {self._unopened(grammar, functions, parallel=False)}")
        return f"{call} ({grammar.maybe(self.between)} {call})*"

    def offered(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.offered."""
        if self.is_bare:
            return either([f"({grammar.pattern('[^{](?s:.*)')})?", self.forced(grammar, functions, parallel=parallel)])
        is_each = self.form == "each"
        rest = self._unopened(grammar, functions, parallel=parallel and not is_each)
        one = grammar.rule(f"{grammar.until(self.open)} {rest}")
        return f"{one}{'*' if parallel and is_each else '?'} {grammar.free()}"

    def _unopened(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """What follows the opener, up to the end of its section."""
        call = grammar.rule(either([self._call(grammar, function) for function in functions]))
        inside = grammar.maybe(self.inside) if self.open else ""
        close = grammar.text(self.close) if self.close else ""
        if self.form == "list":
            space = grammar.space()
            more = f'("," {space} {call})*' if parallel else ""
            return f'{inside} "[" {space} {call} {more} {space} "]" {inside} {close}'
        more = f'("\\n" {call})*' if parallel else ""
        return f"{inside} {call} {more} {inside} {close}"

    def _object(self, call: Call, index: int) -> str:
        if self.is_keyed:
            return json.dumps({call.name: call.arguments}, ensure_ascii=False)
        fields: dict[str, Any] = {self.number: str(index)} if self.number else {}
        return json.dumps(fields | {self.name: call.name, self.arguments: call.arguments}, ensure_ascii=False)

    def _call(self, grammar: Grammar, function: Function) -> str:
        if self.is_keyed:
            head = json.dumps(f"{{{json.dumps(function.name)}: ")
            return grammar.rule(f'{head} {grammar.json(function.language)} "}}"')
        number = f'"{{\\"{self.number}\\": \\"" {grammar.pattern("[0-9]{1,3}")} "\\", "' if self.number else '"{"'
        head = f'"{self.name}": {json.dumps(function.name)}, "{self.arguments}": '
        tail = f'", \\"{self.id}\\": \\"" {grammar.pattern("[A-Za-z0-9_-]{1,40}")} "\\""' if self.id else ""
        tail = f"({tail})?" if tail else ""
        return grammar.rule(f'{number} {json.dumps(head)} {grammar.json(function.language)} {tail} "}}"')
