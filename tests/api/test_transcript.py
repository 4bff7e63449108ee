import pytest

from labkit.api.transcript import Transcript, foreign_content
from labkit.errors import InvalidRequestError


def test_neighbours_of_one_role_are_one_message():
    transcript = Transcript()
    for role, text in (
        ("system", "a"),
        ("system", "b"),
        ("user", "c"),
        ("user", ""),
        ("user", "d"),
        ("developer", "e"),
    ):
        transcript.say(role, text)
    assert [(message["role"], message["content"]) for message in transcript.messages] == [
        ("system", "a\nb"), ("user", "c\n\nd"), ("developer", "e"),
    ]  # fmt: skip


def test_reasoning_text_and_calls_of_a_turn_are_one_message_and_results_are_not():
    transcript = Transcript()
    transcript.think("hm")
    transcript.call("1", "f", "{}")
    transcript.say("assistant", "text")
    transcript.call("2", "g", "{}")
    transcript.result("1", "one")
    transcript.result("2", "two")
    transcript.call("3", "h", "{}")
    first, one, two, last = transcript.messages
    assert (first["reasoning_content"], first["content"]) == ("hm", "text")
    assert [call["id"] for call in first["tool_calls"]] == ["1", "2"]
    assert [(each["role"], each["tool_call_id"], each["content"]) for each in (one, two)] == [
        ("tool", "1", "one"), ("tool", "2", "two"),
    ]  # fmt: skip
    assert (last["content"], last["tool_calls"][0]["function"]["name"]) == (None, "h")


def test_an_error_about_foreign_content_says_where():
    with pytest.raises(InvalidRequestError, match="'image' is not supported") as caught:
        raise foreign_content("image", "input[0]")
    assert caught.value.param == "input[0]"
