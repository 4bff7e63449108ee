import pytest

from fakes.backend import FakeBackend
from labkit.engine.core.sequence import Sequence
from labkit.engine.stream import Sampled, Stream
from labkit.engine.types import Constraint, GenerationRequest, TokenEvent, TokenLogprob


class Pieces(FakeBackend):
    """Token n is the n-th byte string."""

    def __init__(self, *pieces, **sizes):
        super().__init__(**sizes)
        self.pieces = pieces

    def piece(self, token, *, with_control=False):
        self.shows_control = with_control
        return self.pieces[token]

    def is_end(self, token):
        return token == 99


def stream_of(**fields):
    return Stream(Sequence(GenerationRequest("a", (1, 2, 3), **fields), arrived=10.0))


def take(stream, backend, *tokens):
    return stream.take(Sampled(list(tokens), [TokenLogprob(token, -1.0) for token in tokens]), backend)


def test_tokens_become_text_and_the_sequence_grows():
    stream, backend = stream_of(), Pieces(b"Hel", b"lo")
    event = take(stream, backend, 0, 1)
    assert event == TokenEvent("a", "Hello", (0, 1), (TokenLogprob(0, -1.0), TokenLogprob(1, -1.0)))
    assert stream.sequence.tokens == [1, 2, 3, 0, 1]
    assert not event.is_last


def test_half_a_character_waits_for_the_other_half():
    stream, backend = stream_of(), Pieces("é".encode()[:1], "é".encode()[1:])
    assert take(stream, backend, 0).text == ""
    assert take(stream, backend, 1).text == "é"


def test_half_a_character_at_the_end_is_replaced():
    stream, backend = stream_of(max_tokens=2), Pieces(b"a", "é".encode()[:1])
    event = take(stream, backend, 0, 1)
    assert (event.text, event.finish_reason) == ("a\ufffd", "length")


@pytest.mark.parametrize(
    ("fields", "text", "count", "reason"),
    [
        ({}, "abcd", 4, None),
        ({"max_tokens": 2}, "ab", 2, "length"),
        ({"stop": ("c",)}, "ab", 3, "stop"),
        ({"stop": ("bcd",)}, "a", 4, "stop"),
        ({"stop": ("dx",)}, "abc", 4, None),
        ({"stop": ("dx",), "max_tokens": 4}, "abcd", 4, "length"),
        ({"stop": ("b",), "max_tokens": 2}, "a", 2, "stop"),
    ],
)
def test_where_an_answer_ends_the_rest_of_the_step_is_dropped(fields, text, count, reason):
    stream = stream_of(**fields)
    event = take(stream, Pieces(b"a", b"b", b"c", b"d"), 0, 1, 2, 3)
    assert (event.text, event.finish_reason) == (text, reason)
    assert len(event.tokens) == len(event.logprobs) == stream.sequence.num_generated == count


@pytest.mark.parametrize(
    ("fields", "tokens", "cause", "stop_text"),
    [
        ({}, (0, 99), "end_of_generation", ""),
        ({"constraint": Constraint("regex", "a")}, (0, 99), "constraint_complete", ""),
        ({"stop": ("x", "bc", "b")}, (0, 1, 2), "stop_text", "b"),
        ({"stop_token_ids": (2,)}, (0, 1, 2), "stop_token", ""),
        ({"stop_token_ids": (2,), "ignore_eos": True}, (0, 2), "stop_token", ""),
        ({"max_tokens": 2}, (0, 1), "max_tokens", ""),
        ({}, (0, 1, 2), "context_full", ""),
    ],
)
def test_what_ended_an_answer_is_told(fields, tokens, cause, stop_text):
    event = take(stream_of(**fields), Pieces(b"a", b"b", b"c", context_tokens=6), *tokens)
    assert (event.stop_cause, event.stop_text) == (cause, stop_text)
    assert event.finish_reason == ("length" if cause in ("max_tokens", "context_full") else "stop")


def test_an_answer_that_goes_on_has_no_cause():
    event = take(stream_of(), Pieces(b"a"), 0)
    assert (event.finish_reason, event.stop_cause, event.stop_text) == (None, None, "")


def test_a_stop_token_is_no_part_of_the_text_and_frees_what_was_held_back():
    event = take(stream_of(stop=("bx",), stop_token_ids=(2,)), Pieces(b"a", b"b", b"c"), 0, 1, 2, 0)
    assert (event.text, event.tokens) == ("ab", (0, 1, 2))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"stop": ("b",)}, "abc"),
        ({"stop": ("bc",)}, "abcba"),
        ({"stop_token_ids": (1,)}, "abc"),
    ],
)
def test_no_stop_is_looked_for_before_the_least_number_of_tokens(fields, text):
    event = take(stream_of(min_tokens=2, max_tokens=5, **fields), Pieces(b"a", b"b", b"c"), 0, 1, 2, 1, 0)
    assert event.text == text


def test_control_tokens_are_text_where_they_are_asked_for():
    for shows in (False, True):
        backend = Pieces(b"a")
        take(stream_of(show_control=shows), backend, 0)
        assert backend.shows_control == shows


def test_what_is_known_of_the_prompt_waits_for_the_first_event():
    stream = stream_of(prompt_logprobs=0)
    stream.take_scores([TokenLogprob(2, -1.0)])
    stream.take_scores([TokenLogprob(3, -2.0)])
    first = stream.first_event(take(stream, Pieces(b"a"), 0))
    assert (first.text, [each.token for each in first.prompt_logprobs]) == ("a", [2, 3])
    assert stream.first_event(first) is first


def test_an_end_token_counts_and_says_nothing_but_frees_what_was_held_back():
    stream = stream_of(stop=("bx",))
    event = take(stream, Pieces(b"a", b"b"), 0, 1, 99, 0)
    assert (event.text, event.tokens, event.finish_reason) == ("ab", (0, 1, 99), "stop")


def test_an_end_token_may_be_ignored():
    stream = stream_of(ignore_eos=True)
    backend = Pieces(*[b"x"] * 100)
    assert take(stream, backend, 99).text == "x"


def test_a_full_context_ends_it():
    stream = stream_of()
    event = take(stream, Pieces(b"a", context_tokens=5), 0, 0, 0)
    assert (event.tokens, event.finish_reason) == ((0, 0), "length")


def test_what_was_held_back_comes_with_an_end_from_outside():
    stream = stream_of(stop=("ab",))
    assert take(stream, Pieces(b"a"), 0).text == ""
    assert stream.flush() == "a"


def test_no_log_probabilities_where_nobody_asked():
    assert stream_of().take(Sampled([0], []), Pieces(b"a")).logprobs == ()


def test_sums_come_with_the_last_event():
    stream = stream_of()
    sequence = stream.sequence
    sequence.tokens += [4, 5]
    sequence.num_cached, sequence.cached_from = 2, "host"
    sequence.num_drafted, sequence.num_accepted = 7, 3
    sequence.admitted, sequence.first_token = 11.0, 14.0
    last = stream.last_event(TokenEvent("a", finish_reason="stop"), 20.0)
    usage, timings = last.usage, last.timings
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.cached_from) == (3, 2, 2, "host")
    assert (usage.drafted_tokens, usage.accepted_tokens) == (7, 3)
    assert (timings.queue_seconds, timings.prefill_seconds, timings.decode_seconds) == (1.0, 3.0, 6.0)


def test_times_of_one_that_never_ran():
    timings = stream_of().last_event(TokenEvent("a", finish_reason="cancelled"), 15.0).timings
    assert (timings.queue_seconds, timings.prefill_seconds, timings.decode_seconds) == (5.0, 0.0, 0.0)
