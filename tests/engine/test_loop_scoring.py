"""Log-probabilities of prompts and prompts without an answer, over a backend with books.

In the fake a token's log-probability is minus the token before it, so that no row can be taken for another.
"""

import pytest

from fakes.desk import Desk
from fakes.proposals import FixedProposals
from labkit.engine.types import AdapterUse, TokenLogprob
from labkit.errors import ForwardError, InvalidRequestError

SIZES = {"context_tokens": 400, "num_slots": 8, "max_running": 4, "batch_tokens": 32, "max_logits": 10}
SCORING_TOKENS = 24


def scores(desk, name):
    return [each for event in desk.events if event.request_id == name for each in event.prompt_logprobs]


def wanted(prompt, num_top=0):
    return [
        TokenLogprob(token, -float(token - 1), ((token, 0.0),) * num_top) for token in list(prompt)[1:]
    ]  # prompts of these tests count up


@pytest.mark.parametrize("max_tokens", [0, 1, 5])
@pytest.mark.parametrize("length", [1, 2, 7, 8, 30])
def test_every_token_but_the_first_has_one_and_they_come_with_the_first_event(max_tokens, length):
    desk, prompt = Desk(**SIZES), range(101, 101 + length)
    desk.submit("a", prompt, max_tokens=max_tokens, prompt_logprobs=1)
    desk.run()
    assert scores(desk, "a") == wanted(prompt, 1)
    assert [bool(event.prompt_logprobs) for event in desk.events] == [length > 1, *[False] * (max_tokens - 1)]
    assert desk.text("a") == "".join(f"{prompt[-1] + n} " for n in range(1, max_tokens + 1))


@pytest.mark.parametrize(("rows", "sizes"), [(10, [10, 10, 10, 3]), (32, [22, 11])])
def test_forwards_that_score_are_bounded_and_hold_whole_prompts_where_they_fit(rows, sizes):
    desk = Desk(**{**SIZES, "max_logits": rows})
    prompts = {name: range(1000 * number + 1, 1000 * number + 12) for number, name in enumerate("abc")}
    for name, prompt in prompts.items():
        desk.submit(name, prompt, max_tokens=0, prompt_logprobs=0)
    desk.run()
    assert desk.backend.batch_sizes == sizes
    for name, prompt in prompts.items():
        assert scores(desk, name) == wanted(prompt)


def test_other_prompts_have_their_turns_and_are_read_in_large_pieces():
    desk = Desk(**SIZES)
    desk.submit("scored", range(1, 31), max_tokens=1, prompt_logprobs=0)
    desk.submit("plain", range(1001, 1061), max_tokens=1)
    desk.run()
    groups = [{span.sequence.request.request_id for span in plan.spans} for plan in desk.backend.plans]
    assert all(len(group) == 1 for group in groups[:3])
    assert max(num_tokens for _, num_tokens, _ in desk.spans("plain")) == 32
    assert scores(desk, "scored") == wanted(range(1, 31))
    assert desk.text("plain") == "1061 "


def test_streams_go_on_beside_it_and_their_drafts_wait():
    desk = Desk(**SIZES, proposals=FixedProposals(1, 2, 3))
    desk.submit("stream", [5001], max_tokens=30)
    desk.engine.step()
    desk.engine.step()
    desk.submit("scored", range(1, 31), max_tokens=0, prompt_logprobs=0)
    desk.run()
    assert desk.text("stream") == "".join(f"{5001 + n} " for n in range(1, 31))
    for plan in desk.backend.plans:
        if any(span.scores for span in plan.spans):
            assert not any(span.draft for span in plan.spans)
            assert plan.num_tokens <= SCORING_TOKENS + 16


def test_more_streams_than_rows_leave_it_some():
    desk = Desk(**{**SIZES, "num_slots": 16, "max_running": 12, "max_logits": 16})
    for number in range(11):
        desk.submit(f"s{number}", [1000 * (number + 1) + 1], max_tokens=25)
    desk.engine.step()
    desk.submit("scored", range(1, 21), max_tokens=0, prompt_logprobs=0)
    desk.run()
    assert scores(desk, "scored") == wanted(range(1, 21))


def test_nothing_is_taken_from_the_cache_for_it_and_it_leaves_its_cells_there():
    desk, prompt = Desk(**SIZES), range(1, 41)
    desk.submit("a", prompt, max_tokens=1, prompt_logprobs=0)
    desk.run()
    desk.submit("b", prompt, max_tokens=1, prompt_logprobs=0)
    desk.run()
    assert desk.last("b").usage.cached_tokens == 0
    assert scores(desk, "b") == wanted(prompt)
    desk.submit("c", prompt, max_tokens=1)
    desk.run()
    assert desk.last("c").usage.cached_tokens == 39


@pytest.mark.parametrize("memory", ["attention", "recurrent"])
def test_computed_again_it_is_told_once(memory):
    attention = memory == "attention"
    desk, prompt = Desk(**SIZES, forks_anywhere=attention, can_rewind=attention), range(1, 31)
    desk.submit("a", prompt, max_tokens=6, prompt_logprobs=0)
    for _ in range(2):
        desk.engine.step()
    (sequence,) = desk.engine._loop._scheduler.running
    assert 0 < sequence.num_scored < 30
    desk.engine._loop._apply(desk.engine._loop._scheduler.preempt(sequence))
    desk.run()
    assert scores(desk, "a") == wanted(prompt)
    assert desk.text("a") == "31 32 33 34 35 36 "
    assert desk.last("a").company.num_preemptions == 1


def test_one_that_cannot_be_read_ends_alone():
    desk = Desk(**SIZES)
    desk.submit("bad", range(1, 4), max_tokens=0, prompt_logprobs=0)
    desk.submit("good", range(101, 104), max_tokens=0, prompt_logprobs=0)
    desk.backend.unreadable.add("bad")
    desk.run()
    assert isinstance(desk.last("bad").error, ForwardError)
    assert scores(desk, "good") == wanted(range(101, 104))


@pytest.mark.parametrize("adapters", [(), (AdapterUse("a"),)])
def test_a_prompt_without_an_answer_is_read_and_kept(adapters):
    desk = Desk(**SIZES)
    desk.backend.load_adapter("a", "a")
    desk.submit("a", range(1, 41), max_tokens=0, adapters=adapters)
    desk.run()
    last = desk.last("a")
    assert (last.finish_reason, last.stop_cause, last.text, last.tokens) == ("length", "max_tokens", "", ())
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (40, 0)
    assert desk.backend.plans[0].num_logits == 0
    desk.submit("b", range(1, 42), max_tokens=1, adapters=adapters)
    desk.run()
    assert desk.last("b").usage.cached_tokens == 40


def test_a_whole_context_fits_where_nothing_is_to_come():
    desk = Desk(**{**SIZES, "context_tokens": 50})
    desk.submit("a", range(1, 51), max_tokens=0)
    desk.submit("b", range(1, 51), max_tokens=1)
    desk.run()
    assert desk.last("a").finish_reason == "length"
    assert desk.last("b").error.code == "context_length_exceeded"


def test_more_tokens_at_least_than_at_most_are_refused():
    desk = Desk(**SIZES)
    desk.submit("a", [1], max_tokens=2, min_tokens=3)
    desk.run()
    assert isinstance(desk.last("a").error, InvalidRequestError)
    assert desk.last("a").error.param == "min_tokens"
