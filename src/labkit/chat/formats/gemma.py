"""Gemma 4: calls in a notation with a token of its own for quotes. Gemma 2 and 3 know no calls."""

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.chat.calls import ArgumentTypes, Call, JsonCalls
from labkit.chat.calls.literal_grammar import LiteralGrammar, Words
from labkit.chat.format import ChatFormat
from labkit.chat.grammar import Function, Grammar, either
from labkit.chat.reading import BrokenError, Output, Reading, Source
from labkit.chat.reading.literals import Notation, read_literal
from labkit.chat.thinking import Thinking

OPEN, CLOSE, START = "<|tool_call>", "<tool_call|>", "call:"
_QUOTE = '<|"|>'
_NOTATION = Notation((_QUOTE, '"'), has_escapes=False, has_bare_keys=True)
_WORDS = Words(_QUOTE, "")
_MOST_NAME = 256


@dataclass(frozen=True, slots=True)
class GemmaCalls:
    """`<|tool_call>call:NAME{KEY:VALUE,...}<tool_call|>`, with strings between <|"|>."""

    openers = (OPEN,)
    is_bare = False
    stop_after_one = CLOSE

    def read(self, source: Source, output: Output, opener: str, types: ArgumentTypes) -> Reading[None]:
        """See CallSyntax.read."""
        yield from source.skip()
        yield from source.expect(START)
        name, brace = yield from source.collect(("{",), _MOST_NAME)
        if not name.strip():
            raise BrokenError
        output.call(name.strip())
        source.mark()
        source.put_back(brace)

        def give(text: str) -> None:
            output.arguments(text)
            source.mark()

        yield from read_literal(source, give, _NOTATION)
        yield from source.skip()
        yield from source.expect(CLOSE)
        source.mark()

    def write(self, calls: Sequence[Call]) -> str:
        """See CallSyntax.write."""
        return "".join(f"{OPEN}{START}{call.name}{_WORDS.written(call.arguments)}{CLOSE}" for call in calls)

    def forced(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.forced."""
        call = grammar.rule(f"{grammar.text(OPEN)} {self._rest(grammar, functions)}")
        return f"{call}+" if parallel else call

    def offered(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.offered."""
        call = grammar.rule(f"{grammar.until(OPEN)} {self._rest(grammar, functions)}")
        return f"{call}{'*' if parallel else '?'} {grammar.free()}"

    def _rest(self, grammar: Grammar, functions: Sequence[Function]) -> str:
        calls = [self._call(grammar, function) for function in functions]
        return grammar.rule(f"{grammar.text(START)} {either(calls)} {grammar.text(CLOSE)}")

    def _call(self, grammar: Grammar, function: Function) -> str:
        schema = function.language
        values = LiteralGrammar(grammar, _WORDS, schema, is_strict=function.is_strict and function.is_held)
        return grammar.rule(f'{grammar.text(function.name + "{")} {values.pairs(schema, ":")} "}}"')


FORMATS = (
    ChatFormat("gemma", ("<start_of_turn>",), JsonCalls("<tool_call>", "</tool_call>")),
    ChatFormat(
        "gemma4",
        ("<|turn>", "<|tool_call>"),
        GemmaCalls(),
        (Thinking(("<|channel>thought",), ("<channel|>",), space=""),),
        stops=("<|tool_response>",),
    ),
)
