import json

import pytest

from labkit.chat import build_constraint
from labkit.errors import InvalidRequestError

WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
TIMER = {"type": "function", "function": {"name": "set_timer"}}


def build(**fields):
    defaults = {
        "tools": (),
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "response_schema": None,
        "markers_are_tokens": True,
    }
    return build_constraint(**(defaults | fields))


def test_free_text_has_no_constraint():
    assert build() is None
    assert build(tools=(WEATHER,)) is None


def test_a_schema_and_any_object():
    assert build(response_schema={}).kind == "json_object"
    constraint = build(response_schema={"type": "object"})
    assert (constraint.kind, json.loads(constraint.text)) == ("json_schema", {"type": "object"})


def test_a_named_tool_is_the_only_one_in_the_grammar():
    constraint = build(tools=(WEATHER, TIMER), tool_choice="name:set_timer", parallel_tool_calls=False)
    assert (constraint.kind, constraint.param) == ("lark", "tools")
    assert "set_timer" in constraint.text
    assert "get_weather" not in constraint.text
    assert "start: call\n" in constraint.text


def test_markers_that_are_no_tokens_are_written_as_text():
    assert '"<tool_call>"' in build(tools=(TIMER,), tool_choice="required", markers_are_tokens=False).text


@pytest.mark.parametrize("choice", ["required", "name:other"])
def test_a_choice_without_its_tool_is_refused(choice):
    with pytest.raises(InvalidRequestError, match="tool_choice"):
        build(tools=() if choice == "required" else (TIMER,), tool_choice=choice)
