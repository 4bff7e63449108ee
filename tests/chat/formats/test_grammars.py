"""Calls that are forced on a model that knows nothing: whatever it says, they can be read, and satisfy the schema."""

import json

import jsonschema
import pytest

from chat.formats.samples import TOOLS
from fakes.random_speaker import RandomSpeaker
from fakes.read_answers import accepts, as_text, forced_grammar, read
from labkit.chat import ArgumentTypes, Demand, Situation, all_formats, build_constraint, format_of
from labkit.chat.calls import Call
from labkit.chat.thinking import Thinking
from labkit.errors import InvalidRequestError

WITH_CALLS = [one for one in all_formats() if one.calls is not None]
IDS = [f"{one.name}{number}" for number, one in enumerate(WITH_CALLS)]
PLACE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "kind": {"enum": ["city", "lake"]}},
    "required": ["name"],
    "additionalProperties": False,
}
DEEP = {
    "type": "function",
    "function": {
        "name": "find",
        "strict": True,
        "parameters": {
            "type": "object",
            "$defs": {"place": PLACE},
            "properties": {
                "count": {"type": "integer", "minimum": 1, "maximum": 99},
                "exact": {"type": "boolean"},
                "mode": {"enum": ["near", "far"]},
                "places": {"type": "array", "items": {"$ref": "#/$defs/place"}, "minItems": 1, "maxItems": 2},
                "word": {"type": "string"},
            },
            "required": ["count", "mode", "places"],
            "additionalProperties": False,
        },
    },
}
STRICT_TIMER = {"type": "function", "function": {**TOOLS[1]["function"], "strict": True}}


def endings(format_):
    """Texts that end something in this family's answers."""
    after = format_.calls.write([Call("a", {"b": "QQ"})]).partition("QQ")[2]
    first = ('"', "'", '"}}', '<|"|>', "\n</parameter>\n", "</parameter>\n", "</parameter>")
    return [*first, after, "</arg_value>", "</param>", *(mark for one in format_.thinking for mark in one.closes)]


def spoken(constraint, format_, seed):
    return RandomSpeaker(constraint.text, [end for end in endings(format_) if end], seed).speak()


def answers(format_, demand, situation=None, *, wanted=2):
    """What a client gets of a few answers that a model without any knowledge gave."""
    situation = situation or Situation()
    constraint = build_constraint(demand, format_, as_text, situation)
    found = []
    for seed in range(30):
        text = spoken(constraint, format_, seed)
        if text is not None:
            reader = format_.reader(ArgumentTypes(demand.tools), thinking=format_.thinking, opened=situation.opened)
            found.append(read(reader, [text]))
        if len(found) == wanted:
            return found
    raise AssertionError("the grammar leads to no end")


@pytest.mark.parametrize("format_", WITH_CALLS, ids=IDS)
def test_forced_calls_can_be_read_and_satisfy_their_schema(format_):
    for answer in answers(format_, Demand(tools=(DEEP, STRICT_TIMER), tool_choice="required")):
        assert answer.content.strip() == ""
        assert answer.calls
        for name, arguments in answer.calls:
            tool = {"find": DEEP, "set_timer": STRICT_TIMER}[name]
            jsonschema.validate(json.loads(arguments), tool["function"]["parameters"])


@pytest.mark.parametrize("format_", WITH_CALLS, ids=IDS)
def test_one_call_where_one_is_allowed(format_):
    demand = Demand(tools=(DEEP, STRICT_TIMER), tool_choice="name:set_timer", parallel_tool_calls=False)
    for answer in answers(format_, demand):
        assert [name for name, _ in answer.calls] == ["set_timer"]


@pytest.mark.parametrize("format_", WITH_CALLS, ids=IDS)
def test_text_or_valid_calls_of_strict_tools(format_):
    for answer in answers(format_, Demand(tools=(STRICT_TIMER,), parallel_tool_calls=False), wanted=3):
        assert len(answer.calls) <= 1
        for name, arguments in answer.calls:
            assert name == "set_timer"
            jsonschema.validate(json.loads(arguments), STRICT_TIMER["function"]["parameters"])


@pytest.mark.parametrize("format_", [one for one in WITH_CALLS if one.thinking], ids=lambda one: one.name)
def test_reasoning_is_free_and_what_follows_is_not(format_):
    thinking = format_.thinking[0]
    for situation in (Situation(opened=thinking), Situation(possible=(thinking,))):
        for answer in answers(format_, Demand(response_schema=PLACE), situation, wanted=2):
            jsonschema.validate(json.loads(answer.content), PLACE)
        for answer in answers(format_, Demand(tools=TOOLS[1:], tool_choice="required"), situation, wanted=2):
            assert answer.calls[0][0] == "set_timer"


@pytest.mark.parametrize("format_", WITH_CALLS, ids=IDS)
def test_what_is_no_valid_call_is_not_accepted(format_):
    lark = forced_grammar(format_.calls, (STRICT_TIMER,))
    good = format_.calls.write([Call("set_timer", {"minutes": 5})])
    assert accepts(lark, good.rstrip()) is True
    for call in (Call("get_timer", {"minutes": 5}), Call("set_timer", {"minutes": "five"}), Call("set_timer", {})):
        assert accepts(lark, format_.calls.write([call]).rstrip()) is not True


def test_what_cannot_be_held_in_bare_text_is_refused_where_it_is_strict():
    tool = {
        "type": "function",
        "function": {
            "name": "f",
            "strict": True,
            "parameters": {"type": "object", "properties": {"a": {"type": "string", "pattern": "^x+$"}}},
        },
    }
    for template in ("<tool_call><function=<parameter=", "<|im_start|>List of tools: "):
        with pytest.raises(InvalidRequestError, match="pattern") as caught:
            build_constraint(Demand(tools=(tool,)), format_of(template), as_text, Situation())
        assert caught.value.param == "tools"
    assert build_constraint(Demand(tools=(tool,)), format_of("<tool_call>"), as_text, Situation()).kind == "lark"


def test_markers_that_are_tokens_end_free_text():
    spell = {"</think>": [3], "<tool_call>": [4], "</tool_call>": [5]}
    constraint = build_constraint(
        Demand(tools=TOOLS, tool_choice="required"),
        format_of("<tool_call>"),
        lambda text: spell.get(text, [text]),
        Situation(opened=Thinking()),
    )
    assert constraint.text.startswith("start: TEXT <[3]> SPACE")
    assert "[lazy]" not in constraint.text
