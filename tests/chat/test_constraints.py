import json

import pytest

from labkit.chat import Demand, Situation, build_constraint, format_of
from labkit.chat.thinking import Thinking
from labkit.engine.types import Constraint
from labkit.errors import InvalidRequestError

WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
TIMER = {"type": "function", "function": {"name": "set_timer"}}
STRICT = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "object"}}}
HERMES = format_of("<tool_call>")
TOKENS = {"<tool_call>": 7, "</tool_call>": 8, "</think>": 9}


def as_text(text):
    return [text]


def with_tokens(text):
    return [TOKENS[text]] if text in TOKENS else [text]


def build(spell=as_text, situation=Situation(), **fields):  # noqa: B008 - a frozen value
    return build_constraint(Demand(**fields), HERMES, spell, situation)


def test_free_text_has_no_constraint():
    assert build() is None
    assert build(tools=(WEATHER,)) is None
    assert build(tools=(STRICT,), tool_choice="none") is None


def test_a_schema_and_any_object():
    assert build(response_schema={}).kind == "json_object"
    constraint = build(response_schema={"type": "object"})
    assert (constraint.kind, json.loads(constraint.text)) == ("json_schema", {"type": "object"})


def test_a_named_tool_is_the_only_one_in_the_grammar():
    constraint = build(tools=(WEATHER, TIMER), tool_choice="name:set_timer", parallel_tool_calls=False)
    assert (constraint.kind, constraint.param) == ("lark", "tools")
    assert "set_timer" in constraint.text
    assert "get_weather" not in constraint.text


def test_markers_are_tokens_where_the_vocabulary_has_them():
    assert '"<tool_call>"' in build(tools=(TIMER,), tool_choice="required").text
    text = build(with_tokens, tools=(TIMER,), tool_choice="required").text
    assert "<[7]>" in text
    assert "<tool_call>" not in text


@pytest.mark.parametrize("choice", ["required", "name:other"])
def test_a_choice_without_its_tool_is_refused(choice):
    with pytest.raises(InvalidRequestError, match="tool_choice"):
        build(tools=() if choice == "required" else (TIMER,), tool_choice=choice)


def test_a_strict_tool_makes_calls_a_language_and_leaves_text_free():
    text = build(tools=(STRICT,)).text
    assert "[lazy]" in text
    assert text.startswith("start: ")


def test_reasoning_stays_free_before_an_answer_of_a_schema():
    opened = build(with_tokens, Situation(opened=Thinking()), response_schema={"type": "integer"})
    assert (opened.kind, opened.text.splitlines()[0]) == ("lark", "start: TEXT <[9]> SPACE r1")
    possible = build(with_tokens, Situation(possible=(Thinking(),)), response_schema={"type": "integer"})
    assert possible.text.splitlines()[0].endswith("? r2")


def test_a_clients_own_language_comes_after_reasoning_too():
    choice = build(situation=Situation(opened=Thinking()), given=Constraint("choice", '["yes", "no"]', "guided_choice"))
    assert (choice.kind, choice.param) == ("lark", "guided_choice")
    grammar = Constraint("gbnf", 'root ::= "a"', "grammar")
    assert build(situation=Situation(opened=Thinking()), given=grammar) is grammar


def test_two_demands_that_exclude_each_other_are_refused():
    given = Constraint("regex", "a+", "guided_regex")
    for fields in ({"tool_choice": "required", "tools": (WEATHER,)}, {"tools": (STRICT,)}):
        with pytest.raises(InvalidRequestError) as caught:
            build(given=given, **fields)
        assert caught.value.param == "guided_regex"
