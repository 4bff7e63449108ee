from labkit.engine.types import Usage
from labkit.worker.merging import joined_tool_calls, merged
from labkit.worker.messages import Delta, ErrorInfo, LogprobEntry, PromptTokens, Report, TokenText, ToolCallDelta

ENTRY = LogprobEntry(TokenText(b"a", -1.0))


def test_news_of_one_choice_is_one_delta_with_nothing_lost():
    calls = [ToolCallDelta(0, "id", "f", "{"), ToolCallDelta(0, arguments="}"), ToolCallDelta(1, "b", "g")]
    parts = [
        Delta("r", content="a", num_tokens=1, logprobs=(ENTRY,)),
        Delta("r", reasoning="hm", tool_calls=(calls[0],), num_tokens=2),
        Delta(
            "r", content="b", tool_calls=tuple(calls[1:]), finish_reason="stop", usage=Usage(1, 2), logprobs=(ENTRY,)
        ),
    ]
    assert merged(parts) == [
        Delta(
            "r",
            content="ab",
            reasoning="hm",
            tool_calls=(ToolCallDelta(0, "id", "f", "{}"), ToolCallDelta(1, "b", "g")),
            num_tokens=3,
            finish_reason="stop",
            usage=Usage(1, 2),
            logprobs=(ENTRY, ENTRY),
        )
    ]


def test_the_echo_comes_first_and_the_report_last():
    echo, report = PromptTokens("to be"), Report(stop_cause="max_tokens")
    parts = [Delta("r", prompt=echo), Delta("r", content="x"), Delta("r", finish_reason="length", report=report)]
    assert merged(parts) == [Delta("r", content="x", finish_reason="length", prompt=echo, report=report)]


def test_choices_and_requests_stay_apart_and_the_last_delta_stays_last():
    parts = [
        Delta("r", content="a", choice=0, num_open=2),
        Delta("s", content="x"),
        Delta("r", finish_reason="stop", choice=1, num_open=1),
        Delta("r", content="b", finish_reason="stop", choice=0),
    ]
    assert merged(parts) == [
        parts[1],
        parts[2],
        Delta("r", content="ab", finish_reason="stop", choice=0),
    ]


def test_an_error_does_not_swallow_the_text_before_it():
    parts = [Delta("r", content="a"), Delta("r", content="b"), Delta("r", error=ErrorInfo("NativeError", "no"))]
    assert merged(parts) == [Delta("r", content="ab"), parts[2]]


def test_a_single_delta_is_left_alone():
    delta = Delta("r", tool_calls=(ToolCallDelta(0, arguments="x"), ToolCallDelta(0, arguments="y")))
    assert merged([delta])[0] is delta


def test_arguments_of_a_call_whose_head_was_sent_before():
    assert joined_tool_calls([ToolCallDelta(1, arguments="a"), ToolCallDelta(1, arguments="b")]) == (
        ToolCallDelta(1, None, None, "ab"),
    )
