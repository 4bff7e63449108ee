import pytest

from labkit.chat import format_of
from labkit.chat.reasoning import check_arguments, effort_variables, is_ended_by, opened_by, opened_in
from labkit.chat.thinking import Thinking
from labkit.errors import InvalidRequestError

HERMES = format_of("<tool_call>")
HARMONY = format_of("<|start|><|channel|><|message|>")


def told(effort, variables, format_=HERMES, *, thinks=True):
    return effort_variables(effort, frozenset(variables), format_, thinks=thinks)


def test_none_switches_off_by_the_templates_own_word():
    assert told("none", {"enable_thinking", "x"}) == {"enable_thinking": False}
    assert told("none", {"thinking"}) == {"thinking": False}
    assert told("none", {"thinking_mode"}) == {"thinking_mode": "disabled"}
    assert told("none", set(), thinks=False) == {}
    assert told(None, {"enable_thinking"}) == {}


def test_amounts_are_told_where_the_template_reads_them():
    assert told("high", {"enable_thinking"}) == {"enable_thinking": True}
    assert told("low", {"reasoning_effort"}) == {"reasoning_effort": "low"}
    assert told("max", {"reasoning_effort"}, HARMONY) == {"reasoning_effort": "high"}
    assert told("medium", set()) == {}


@pytest.mark.parametrize(
    ("effort", "variables", "format_", "thinks"),
    [
        ("none", {"reasoning_effort"}, HARMONY, True),
        ("none", set(), HERMES, True),
        ("high", set(), HERMES, True),
        ("low", {"enable_thinking"}, HERMES, False),
    ],
)
def test_what_a_template_has_no_word_for_is_refused(effort, variables, format_, thinks):
    with pytest.raises(InvalidRequestError) as caught:
        told(effort, variables, format_, thinks=thinks)
    assert (caught.value.param, caught.value.code) == ("reasoning_effort", "unsupported_value")


def test_arguments_that_nothing_reads_are_refused():
    check_arguments({"enable_thinking": True, "x": 1}, {"x"})
    for name in ("messages", "colour"):
        with pytest.raises(InvalidRequestError) as caught:
            check_arguments({name: 1}, {"x"})
        assert caught.value.param == "chat_template_kwargs"


def test_where_a_prompt_leaves_the_model():
    thinking = (Thinking(),)
    assert opened_by("user: <think>\nassistant:", thinking) is None
    assert opened_by("assistant:\n<think>\n", thinking) is thinking[0]
    assert is_ended_by("assistant:\n<think>\n\n</think>\n\n", thinking)
    assert opened_in("<think>Well", thinking) is thinking[0]
    assert opened_in("<think>Well</think>So", thinking) is None
    assert opened_in("Well", thinking) is None
