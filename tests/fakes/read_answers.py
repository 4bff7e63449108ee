"""Answers put through a reader in parts, and what came out put together again."""

import random
from dataclasses import dataclass, field

import llguidance

from labkit.chat import ContentPiece, ReasoningPiece, ToolCallPiece
from labkit.chat.grammar import Function, Grammar
from labkit.engine.native.grammar.lark_limits import check_lark

BYTES = llguidance.LLTokenizer("byte")
"""A vocabulary of single bytes: every marker is text."""


@dataclass
class Answer:
    """What a client would have got."""

    content: str = ""
    reasoning: str = ""
    calls: list[list[str]] = field(default_factory=list)
    kinds: str = ""

    def add(self, pieces):
        """Put more of it together."""
        for piece in pieces:
            if isinstance(piece, ContentPiece):
                self.content += piece.text
            elif isinstance(piece, ReasoningPiece):
                self.reasoning += piece.text
            else:
                assert isinstance(piece, ToolCallPiece)
                if piece.name is not None:
                    assert piece.index == len(self.calls)
                    self.calls.append([piece.name, ""])
                assert piece.index == len(self.calls) - 1
                self.calls[piece.index][1] += piece.arguments


def read(reader, parts):
    """The whole answer that `parts` are."""
    answer = Answer()
    for part in parts:
        answer.add(reader.feed(part))
    answer.add(reader.finish())
    return answer


def cut(text, seed):
    """`text` in a few parts, by chance."""
    rng = random.Random(seed)
    places = sorted(rng.choices(range(len(text) + 1), k=rng.randint(1, 12)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


def every_cutting(text, seeds=range(20)):
    """`text` whole, character by character, and in parts."""
    return [[text], list(text), *(cut(text, seed) for seed in seeds)]


def as_text(text):
    """The spelling of a vocabulary without markers."""
    return [text] if text else []


def forced_grammar(calls, tools, *, parallel=True):
    """The grammar that forces calls of `tools`, for a vocabulary without markers."""
    grammar = Grammar(as_text)
    functions = [Function.of(tool, is_held=True) for tool in tools]
    return grammar.write(calls.forced(grammar, functions, parallel=parallel))


def accepts(lark, text):
    """Whether `text` is in the language of `lark`, within the limits that labkit sets; else how much of it is."""
    check_lark(lark, "tools")
    matcher = llguidance.LLMatcher(BYTES, llguidance.LLMatcher.grammar_from_lark(lark), log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    tokens = BYTES.tokenize_bytes(text.encode())
    count = matcher.try_consume_tokens(tokens)
    if count < len(tokens):
        return f"after {text.encode()[:count].decode(errors='replace')[-60:]!r}"
    return matcher.is_accepting() or "not at its end"
