from fakes.observations import REPORT, observation
from labkit.api.observers.explanation import explain
from labkit.cli.explain_print import print_explanation, print_recent
from labkit.cli.explain_report import groups, heading
from labkit.errors import InvalidRequestError

HINT = "prompts are not kept; to keep them, start the endpoint with: labkit serve MODEL --explain-prompts"


def explained(**fields):
    worker = {"state": "ready", "reason": "", "num_restarts": 0}
    return explain(observation(**fields)) | {"worker": worker, "prompt_hint": HINT}


def rows(**fields):
    return {group.title: dict(group.rows) for group in groups(explained(**fields))}


def test_the_report_says_what_where_when_and_why():
    assert heading(explained()) == "chatcmpl-1: chat by tiny, finished"
    found = rows()
    assert found["Time"]["queue"] == "50.0 ms"
    assert found["Time"]["first token"] == "after 200 ms"
    assert found["Time"]["then"] == "200 ms per token (5 in a second), 300 ms at most"
    assert found["Tokens"]["prompt"] == "10, 6 of them from the cache (host)"
    assert found["Tokens"]["  system"] == "4"
    assert found["Parameters"]["given"] == "temperature=0.5, max_tokens=4"
    assert found["Parameters"]["defaults"] == "top_k=20"
    assert found["Parameters"]["ignored"] == "user"
    assert found["Answer"]["ended"] == "length: max_tokens was reached"
    assert found["Answer"]["batch"] == (
        "8 forwards, 1.5 sequences in each, at most 2 beside it (chatcmpl-2, chatcmpl-3)"
    )
    assert found["Worker"]["now"] == "ready, 0 restarts so far"
    assert "Error" not in found


def test_each_choice_has_its_own_end():
    import msgspec

    reports = (msgspec.structs.replace(REPORT, stop_cause="stop_text", stop_text="\n\n", most_companions=0), REPORT)
    found = rows(reports=reports, finish_reasons=("stop", "length"))
    assert found["Answer 1"]["ended"] == 'stop: it came to a stop text "\\n\\n"'
    assert found["Answer 1"]["batch"] == "alone in 8 forwards"
    assert found["Answer 2"]["ended"] == "length: max_tokens was reached"


def test_an_error_names_its_field():
    found = rows(
        error=InvalidRequestError("top_p is 3", param="top_p"), status=400, operation=None, reports=(),
        usage=None, timings=None, finish_reasons=(), first_token=None, gaps=[],
    )  # fmt: skip
    assert found["Error"] == {"kind": "InvalidRequest (HTTP 400)", "field": "top_p", "message": "top_p is 3"}
    assert "Tokens" not in found


def test_nothing_that_a_client_wrote_commands_the_terminal(capsys):
    import msgspec

    report = msgspec.structs.replace(REPORT, prompt="<|user|>\x1b[31mred\x07\nsecond line", stop_text="\x1b]0;t\x07")
    print_explanation(explained(reports=(report,), model="ti\x1b[2Jny"))
    print_recent([{**in_short(), "model": "\x1b[2J", "error": "\x07"}])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert "<|user|>\\x1b[31mred\\x07\n" in printed
    assert "second line" in printed


def test_without_a_prompt_it_says_how_to_get_one(capsys):
    print_explanation(explained())
    assert HINT in capsys.readouterr().out


def in_short():
    from labkit.api.observation import ANYBODY
    from labkit.api.observers import RecentRequests

    recent = RecentRequests()
    recent.ended(observation())
    return recent.newest(ANYBODY, 1)[0]


def test_the_list_has_a_line_for_each(capsys):
    print_recent([in_short()])
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split() == [
        "chatcmpl-1", printed.out.splitlines()[1].split()[1], "chat", "tiny", "length", "10+4", "1.0", "s",
    ]  # fmt: skip
    assert "labkit explain ID" in printed.err
    print_recent([])
    assert "no request is remembered yet" in capsys.readouterr().err
