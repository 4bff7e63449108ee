from labkit.chat.tool_parsers import hermes, plain
from labkit.engine.types import Timings, TokenEvent, Usage
from labkit.errors import ForwardError
from labkit.worker.conversation import Choice, Conversation, longest_timings, summed_usage


def test_content_and_the_last_delta():
    choice = Choice(Conversation("r"), plain.Parser())
    assert choice.delta(TokenEvent("r", "Hi", (1,))).content == "Hi"
    last = choice.delta(TokenEvent("r", "!", (2,), finish_reason="stop", usage=Usage(1, 2)))
    assert (last.content, last.finish_reason, last.usage) == ("!", "stop", Usage(1, 2))


def test_a_tool_call_changes_the_finish_reason_and_gets_an_id():
    choice = Choice(Conversation("r"), hermes.Parser())
    delta = choice.delta(TokenEvent("r", '<tool_call>{"name": "f", "arguments": {}}</tool_call>', (1,)))
    head, arguments = delta.tool_calls
    assert (head.name, arguments.arguments) == ("f", "{}")
    assert head.id.startswith("call_")
    assert arguments.id is None
    assert choice.delta(TokenEvent("r", finish_reason="stop")).finish_reason == "tool_calls"


def test_a_cut_call_still_ends_with_length():
    choice = Choice(Conversation("r"), hermes.Parser())
    choice.delta(TokenEvent("r", '<tool_call>{"name": "f", "arguments": {"a', (1,)))
    assert choice.delta(TokenEvent("r", finish_reason="length")).finish_reason == "length"


def test_errors_cross_with_their_kind_and_bugs_without_details():
    for error, kind, message in (
        (ForwardError("no cells"), "ForwardError", "no cells"),
        (KeyError("secret"), "NativeError", "the engine failed"),
    ):
        delta = Choice(Conversation("r"), plain.Parser()).delta(TokenEvent("r", error=error))
        assert (delta.error.kind, delta.error.message, delta.is_last) == (kind, message, True)


def two_choices():
    conversation = Conversation("r", 2)
    return [Choice(conversation, plain.Parser(), index) for index in range(2)]


def test_each_choice_ends_once_and_the_request_with_the_last():
    first, second = two_choices()
    assert second.delta(TokenEvent("r#1", "b", (1,))).choice == 1
    end = second.delta(TokenEvent("r#1", finish_reason="length", usage=Usage(5, 3), timings=Timings(0.0, 0.1, 0.5)))
    assert (end.request_id, end.finish_reason, end.num_open, end.usage, end.is_last) == ("r", "length", 1, None, False)
    end = first.delta(TokenEvent("r#0", finish_reason="stop", usage=Usage(5, 1), timings=Timings(0.0, 0.2, 0.1)))
    assert (end.choice, end.is_last, end.usage) == (0, True, Usage(5, 4))
    assert end.timings == Timings(0.0, 0.2, 0.5)


def test_an_error_of_one_choice_ends_the_request_and_the_rest_is_silence():
    first, second = two_choices()
    assert first.delta(TokenEvent("r#0", error=ForwardError("no"))).is_last
    assert second.delta(TokenEvent("r#1", "late", (1,))) is None
    assert second.delta(TokenEvent("r#1", finish_reason="cancelled")) is None


def test_a_prompt_is_counted_once_and_reuse_is_the_leaders():
    usages = [
        Usage(100, 5, cached_tokens=99, cached_from="device", drafted_tokens=4, accepted_tokens=1),
        Usage(100, 7, cached_tokens=40, cached_from="host", drafted_tokens=2, accepted_tokens=2),
    ]
    assert summed_usage(usages) == Usage(
        100, 12, cached_tokens=40, cached_from="host", drafted_tokens=6, accepted_tokens=3
    )
    assert summed_usage([]) is None
    assert longest_timings([]) is None
