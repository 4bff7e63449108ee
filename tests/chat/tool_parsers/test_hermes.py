import json
import random

import pytest

from labkit.chat import ContentPiece, ToolCallPiece
from labkit.chat.tool_parsers.hermes import Parser

CALL = '<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo", "note": "a } \\" {"}}</tool_call>'
TIMER = '<tool_call>\n{"name": "set_timer", "arguments": {"minutes": 5}}\n</tool_call>'


def parse(parts):
    parser = Parser()
    pieces = [piece for part in parts for piece in parser.feed(part)] + parser.finish()
    content = "".join(piece.text for piece in pieces if isinstance(piece, ContentPiece))
    calls = {}
    for piece in pieces:
        if isinstance(piece, ToolCallPiece):
            name, arguments = calls.get(piece.index, (None, ""))
            calls[piece.index] = (piece.name or name, arguments + piece.arguments)
    return content, [calls[index] for index in sorted(calls)]


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        ("just text", "just text", []),
        (CALL, "", [("get_weather", '{"city": "Oslo", "note": "a } \\" {"}')]),
        ("Let me see.\n" + CALL, "Let me see.", [("get_weather", '{"city": "Oslo", "note": "a } \\" {"}')]),
        (
            CALL + "\n" + TIMER,
            "",
            [("get_weather", '{"city": "Oslo", "note": "a } \\" {"}'), ("set_timer", '{"minutes": 5}')],
        ),
        ('<tool_call>{"arguments": {"a": 1}, "name": "late"}</tool_call>', "", [("late", '{"a": 1}')]),
        ('<tool_call>{"name": "none_given"}</tool_call>', "", [("none_given", "{}")]),
        ("<tool_call>not json</tool_call>", "<tool_call>not json</tool_call>", []),
        ('<tool_call>{"name": "cut', '<tool_call>{"name": "cut', []),
        ('<tool_call>{"name": "cut", "arguments": {"a": 1', "", [("cut", '{"a": 1')]),
        ("a < b and <tool", "a < b and <tool", []),
    ],
)
def test_whole_and_in_every_cutting(text, content, calls):
    assert parse([text]) == (content, calls)
    assert parse(list(text)) == (content, calls)
    rng = random.Random(0)
    for _ in range(50):
        cuts = sorted(rng.sample(range(1, len(text)), min(4, len(text) - 1)))
        parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert parse(parts) == (content, calls)


def test_arguments_stream_while_they_are_written():
    parser = Parser()
    parser.feed('<tool_call>{"name": "f", "arguments": {"city": "Os')
    (piece,) = parser.feed("lo")
    assert piece == ToolCallPiece(0, arguments="lo")


def test_arguments_are_json_for_every_complete_call():
    _, calls = parse([CALL + TIMER])
    assert all(json.loads(arguments) for _, arguments in calls)
