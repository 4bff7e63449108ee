import pytest

from labkit.engine.text import StopMatcher


def run(stops, parts):
    matcher = StopMatcher(stops)
    sent = []
    for part in parts:
        sent.append(matcher.feed(part))
        if matcher.is_stopped:
            return "".join(sent), True
    return "".join(sent) + matcher.flush(), False


@pytest.mark.parametrize(
    ("stops", "parts", "text", "stopped"),
    [
        ((), ["a", "b"], "ab", False),
        (("",), ["a", "b"], "ab", False),
        (("END",), ["one E", "N", "D two"], "one ", True),
        (("END",), ["one E", "N", "X two"], "one ENX two", False),
        (("aab",), ["a", "a", "a", "b"], "a", True),
        (("long stop", "x"), ["lo", "ng sx"], "long s", True),
        (("END",), ["EN"], "EN", False),
    ],
)
def test_stop_strings(stops, parts, text, stopped):
    assert run(stops, parts) == (text, stopped)


def test_nothing_is_held_back_that_cannot_become_a_stop_string():
    matcher = StopMatcher(("END",))
    assert matcher.feed("hello") == "hello"
    assert matcher.feed(" E") == " "
    assert matcher.feed("x") == "Ex"
