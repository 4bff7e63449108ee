from labkit.chat.tool_parsers import hermes, plain
from labkit.engine.types import TokenEvent, Usage
from labkit.errors import ForwardError
from labkit.worker.conversation import Conversation


def test_content_and_the_last_delta():
    conversation = Conversation("r", plain.Parser())
    assert conversation.delta(TokenEvent("r", "Hi", (1,))).content == "Hi"
    last = conversation.delta(TokenEvent("r", "!", (2,), finish_reason="stop", usage=Usage(1, 2)))
    assert (last.content, last.finish_reason, last.usage) == ("!", "stop", Usage(1, 2))


def test_a_tool_call_changes_the_finish_reason_and_gets_an_id():
    conversation = Conversation("r", hermes.Parser())
    delta = conversation.delta(TokenEvent("r", '<tool_call>{"name": "f", "arguments": {}}</tool_call>', (1,)))
    head, arguments = delta.tool_calls
    assert (head.name, arguments.arguments) == ("f", "{}")
    assert head.id.startswith("call_")
    assert arguments.id is None
    assert conversation.delta(TokenEvent("r", finish_reason="stop")).finish_reason == "tool_calls"


def test_a_cut_call_still_ends_with_length():
    conversation = Conversation("r", hermes.Parser())
    conversation.delta(TokenEvent("r", '<tool_call>{"name": "f", "arguments": {"a', (1,)))
    assert conversation.delta(TokenEvent("r", finish_reason="length")).finish_reason == "length"


def test_errors_cross_with_their_kind_and_bugs_without_details():
    conversation = Conversation("r", plain.Parser())
    assert conversation.delta(TokenEvent("r", error=ForwardError("no cells"))).error.kind == "ForwardError"
    assert conversation.delta(TokenEvent("r", error=KeyError("secret"))).error.message == "the engine failed"
