from labkit.chat import ArgumentTypes, ContentPiece, PlainReader, ReasoningPiece, format_of
from labkit.engine.types import Timings, TokenEvent, TokenLogprob, Usage
from labkit.errors import ForwardError
from labkit.worker.conversation import Choice, Conversation, longest_timings, summed_usage
from labkit.worker.merging import merged
from labkit.worker.messages import PromptTokens, Report


def test_content_and_the_last_delta():
    choice = Choice(Conversation("r"), PlainReader())
    assert choice.delta(TokenEvent("r", "Hi", (1,))).content == "Hi"
    last = choice.delta(TokenEvent("r", "!", (2,), finish_reason="stop", usage=Usage(1, 2)))
    assert (last.content, last.finish_reason, last.usage) == ("!", "stop", Usage(1, 2))


def test_a_tool_call_changes_the_finish_reason_and_gets_an_id():
    choice = Choice(Conversation("r"), format_of("<tool_call>").reader(ArgumentTypes()))
    delta = choice.delta(TokenEvent("r", '<tool_call>{"name": "f", "arguments": {}}</tool_call>', (1,)))
    (call,) = delta.tool_calls
    assert (call.name, call.arguments) == ("f", "{}")
    assert call.id.startswith("call_")
    assert choice.delta(TokenEvent("r", finish_reason="stop")).finish_reason == "tool_calls"


def test_arguments_begin_with_what_is_no_space():
    choice = Choice(Conversation("r"), format_of("<tool_call>").reader(ArgumentTypes()))
    told = []
    for text in ('<tool_call>{"name": "f", "arguments":', " ", ' {"a":', " 1}}</tool_call>"):
        told += choice.delta(TokenEvent("r", text, (1,))).tool_calls
    assert told[0].name == "f"
    assert next(call.arguments for call in told if call.arguments)[0] == "{"
    assert "".join(call.arguments for call in told) == '{"a": 1}'


def test_a_cut_call_still_ends_with_length():
    choice = Choice(Conversation("r"), format_of("<tool_call>").reader(ArgumentTypes()))
    choice.delta(TokenEvent("r", '<tool_call>{"name": "f", "arguments": {"a', (1,)))
    assert choice.delta(TokenEvent("r", finish_reason="length")).finish_reason == "length"


def test_errors_cross_with_their_kind_and_bugs_without_details():
    for error, kind, message in (
        (ForwardError("no cells"), "ForwardError", "no cells"),
        (KeyError("secret"), "NativeError", "the engine failed"),
    ):
        delta = Choice(Conversation("r"), PlainReader()).delta(TokenEvent("r", error=error))
        assert (delta.error.kind, delta.error.message, delta.is_last) == (kind, message, True)


def two_choices():
    conversation = Conversation("r", 2)
    return [Choice(conversation, PlainReader(), index) for index in range(2)]


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


class Thinker(PlainReader):
    """Everything up to a bar is thought."""

    is_reasoning = True

    def feed(self, text):
        if not self.is_reasoning:
            return super().feed(text)
        thought, bar, rest = text.partition("|")
        self.is_reasoning = not bar
        return [piece(part) for piece, part in ((ReasoningPiece, thought), (ContentPiece, rest)) if part]


def test_tokens_of_what_was_thought_are_counted():
    conversation = Conversation("r", 2)
    first, second = (Choice(conversation, Thinker(), index) for index in range(2))
    first.delta(TokenEvent("r#0", "Hm", (1, 2)))
    first.delta(TokenEvent("r#0", "", (3,)))  # half a character
    delta = first.delta(TokenEvent("r#0", "m|A", (4,)))
    assert (delta.reasoning, delta.content) == ("m", "A")
    assert first.delta(TokenEvent("r#0", "B", (5,), finish_reason="stop", usage=Usage(3, 5))).usage is None
    last = second.delta(TokenEvent("r#1", "X", (1,), finish_reason="length", usage=Usage(3, 1)))
    assert last.usage == Usage(3, 6, reasoning_tokens=5)


class Told:
    """An echo and an account in one."""

    def told(self, logprobs):
        return PromptTokens(f"{len(logprobs)} scored")

    def report(self, last, constraint_seconds):
        return Report(stop_cause=last.stop_cause, constraint_seconds=constraint_seconds)


def test_a_prompt_is_given_back_with_the_first_delta_and_a_report_with_the_last():
    conversation = Conversation("r")
    conversation.constraint_seconds = 0.5
    choice = Choice(conversation, PlainReader(), echo=Told(), account=Told())
    first = choice.delta(TokenEvent("r", "a", (1,), prompt_logprobs=(TokenLogprob(5, -1.0),)))
    assert (first.prompt, first.report) == (PromptTokens("1 scored"), None)
    last = choice.delta(TokenEvent("r", "b", (2,), finish_reason="stop", stop_cause="stop_text"))
    assert (last.prompt, last.report) == (None, Report(stop_cause="stop_text", constraint_seconds=0.5))


def test_the_length_of_the_prompt_comes_with_the_first_delta_alone():
    conversation = Conversation("r", 2, prompt_tokens=7)
    first, second = (Choice(conversation, PlainReader(), index) for index in range(2))
    deltas = [choice.delta(TokenEvent("r", text=text)) for choice, text in ((second, "a"), (first, "b"), (second, "c"))]
    assert [delta.prompt_tokens for delta in deltas] == [7, 0, 0]
    assert merged(deltas)[-1].prompt_tokens == 7
