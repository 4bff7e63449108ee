import json

import pytest

from labkit.api.ollama.conversation import plain_messages, plain_tools
from labkit.api.schemas.ollama import Message, Tool
from labkit.errors import InvalidRequestError


def plain(*messages):
    return plain_messages([Message.model_validate(message) for message in messages])


def call(name, **arguments):
    return {"function": {"name": name, "arguments": arguments}}


def result(name, content):
    return {"role": "tool", "tool_name": name, "content": content}


def test_results_go_to_the_calls_they_answer():
    _, asked, *results = plain(
        {"role": "user", "content": "?"},
        {"role": "assistant", "tool_calls": [call("sum", a=1), call("time"), call("sum", a=2)]},
        result("time", "noon"),
        result("sum", "1"),
        result("sum", "2"),
    )
    first, time, second = asked["tool_calls"]
    assert (json.loads(first["function"]["arguments"]), time["function"]["name"]) == ({"a": 1}, "time")
    assert [one["tool_call_id"] for one in results] == [time["id"], first["id"], second["id"]]
    assert len({first["id"], time["id"], second["id"]}) == 3


def test_an_id_is_kept_and_found_again():
    _, answer = plain(
        {"role": "assistant", "tool_calls": [{"id": "call_x", **call("sum")}]},
        {"role": "tool", "tool_call_id": "call_x", "content": "3"},
    )
    assert (answer["tool_call_id"], answer["name"]) == ("call_x", "sum")


def test_a_result_without_a_name_belongs_to_the_oldest_open_call():
    _, answer, stray = plain(
        {"role": "assistant", "tool_calls": [call("sum")]},
        {"role": "tool", "content": "3"},
        {"role": "tool", "content": "4"},
    )
    assert (answer["tool_call_id"], answer["name"]) == ("call_1", "sum")
    assert stray["tool_call_id"] == "call_0"


def test_thinking_is_reasoning_and_an_assistant_may_say_nothing():
    (message,) = plain({"role": "assistant", "thinking": "hm"})
    assert message == {"role": "assistant", "content": "", "reasoning_content": "hm"}


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "user"}, "messages[0].content"),
        ({"role": "user", "content": "x", "tool_calls": [call("sum")]}, "messages[0].tool_calls"),
    ],
)
def test_what_a_role_lacks_is_refused(message, param):
    with pytest.raises(InvalidRequestError) as caught:
        plain(message)
    assert caught.value.param == param


def test_tools_keep_their_schema_and_have_names_of_their_own():
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    tool = Tool.model_validate({"function": {"name": "sum", "parameters": schema}})
    (plain_tool,) = plain_tools([tool])
    assert plain_tool == {"type": "function", "function": {"name": "sum", "parameters": schema}}
    with pytest.raises(InvalidRequestError, match="two tools are named sum"):
        plain_tools([tool, tool])
