"""Calls as a list of Python calls: `[get_weather(city="Oslo", days=3)]`."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from labkit.chat.calls.literal_grammar import LiteralGrammar, Words
from labkit.chat.calls.protocol import Call
from labkit.chat.calls.values import ArgumentTypes
from labkit.chat.grammar import Function, Grammar, either
from labkit.chat.reading import BrokenError, Output, Reading, Source
from labkit.chat.reading.literals import Notation, read_literal

_WORDS = Words('"', r'([^"\\\n]|\\["\\nt])*', "True", "False", "None", ", ", ": ", quotes_keys=True)
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_MOST_NAME = 256


@dataclass(frozen=True, slots=True)
class PythonicCalls:
    """`open` [NAME(KEY=VALUE, ...), ...] `close`. Values are Python's, and JSON's words are understood."""

    open: str
    close: str = ""

    is_bare = False
    stop_after_one = ""

    @property
    def openers(self) -> tuple[str, ...]:
        """See CallSyntax.openers."""
        return (self.open,)

    def read(self, source: Source, output: Output, opener: str, types: ArgumentTypes) -> Reading[None]:
        """See CallSyntax.read."""
        yield from source.skip()
        yield from source.expect("[")
        while (yield from source.skip()) != "]":
            yield from _read_call(source, output)
            if (yield from source.skip()) == ",":
                source.take(1)
        yield from source.expect("]")
        source.mark()
        yield from source.skip()
        yield from source.expect(self.close)

    def write(self, calls: Sequence[Call]) -> str:
        """See CallSyntax.write."""
        return f"{self.open}[{', '.join(map(_written, calls))}]{self.close}"

    def forced(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.forced."""
        return (
            f"{grammar.text(self.open)} {_unopened(grammar, functions, parallel=parallel)} {grammar.text(self.close)}"
        )

    def offered(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.offered."""
        calls = f"{_unopened(grammar, functions, parallel=parallel)} {grammar.text(self.close)}"
        return f"{grammar.rule(f'{grammar.until(self.open)} {calls}')}? {grammar.free()}"


def _read_call(source: Source, output: Output) -> Reading[None]:
    name, _ = yield from source.collect(("(",), _MOST_NAME)
    if not _NAME.fullmatch(name.strip()):
        raise BrokenError
    output.call(name.strip())
    source.mark()

    def give(text: str) -> None:
        output.arguments(text)
        source.mark()

    is_first = True
    while (yield from source.skip()) != ")":
        key, _ = yield from source.collect(("=",), _MOST_NAME)
        give(("{" if is_first else ", ") + json.dumps(key.strip(), ensure_ascii=False) + ": ")
        is_first = False
        yield from read_literal(source, give, Notation())
        following = yield from source.skip()
        if following == ",":
            source.take(1)
        elif following != ")":
            raise BrokenError
    source.take(1)
    give("{}" if is_first else "}")


def _written(call: Call) -> str:
    return f"{call.name}({', '.join(f'{key}={_WORDS.written(value)}' for key, value in call.arguments.items())})"


def _unopened(grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
    call = grammar.rule(either([_call(grammar, function) for function in functions]))
    more = f'(", " {call})*' if parallel else ""
    return f'"[" {call} {more} "]"'


def _call(grammar: Grammar, function: Function) -> str:
    schema = function.language
    values = LiteralGrammar(grammar, _WORDS, schema, is_strict=function.is_strict and function.is_held)
    return grammar.rule(f'{grammar.text(function.name + "(")} {values.pairs(schema, "=")} ")"')
