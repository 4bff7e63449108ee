"""Where drafts end, and what becomes of those that were wrong: the loop over a backend with books."""

import pytest

from fakes.desk import Desk
from fakes.proposals import FixedProposals, ForcedProposals
from labkit.engine.types import Constraint

LONG = range(1, 41)
BIG = {"context_tokens": 2000, "num_slots": 16, "max_running": 8, "batch_tokens": 64}


def count_up(last, count):
    return "".join(f"{last + n} " for n in range(1, count + 1))


@pytest.mark.parametrize(
    ("prompt", "fields", "text", "reason"),
    [
        ([1], {"max_tokens": 6}, "2 3 4 5 6 7 ", "length"),
        ([1], {"max_tokens": 9, "stop": ("4 ",)}, "2 3 ", "stop"),
        ([996], {"max_tokens": 9}, "997 998 999 ", "stop"),
        ([996], {"max_tokens": 9, "ignore_eos": True}, count_up(996, 9), "length"),
        ([1], {}, count_up(1, 39), "length"),
    ],
)
@pytest.mark.parametrize("forks_anywhere", [True, False])
def test_an_answer_may_end_in_mid_draft(prompt, fields, text, reason, forks_anywhere):
    desk = Desk(context_tokens=40, proposals=FixedProposals(1, 2, 3, 4, 5), forks_anywhere=forks_anywhere)
    desk.submit("a", prompt, logprobs=0, **fields)
    desk.run()
    last = desk.last("a")
    assert (desk.text("a"), last.finish_reason) == (text, reason)
    tokens = [token for event in desk.events for token in event.tokens]
    assert [each.token for event in desk.events for each in event.logprobs] == tokens
    assert last.usage.completion_tokens == len(tokens) == desk.engine.stats().counters.generated_tokens
    assert last.usage.accepted_tokens > 0
    assert len(desk.backend.plans) < len(tokens)
    assert desk.backend.used == desk.engine.stats().cached_cells


def test_cells_of_what_was_never_said_are_not_kept():
    desk = Desk(**BIG, proposals=FixedProposals(1, 2, 3, 4, 5))
    desk.submit("a", LONG, max_tokens=20, stop=("44 ",))
    desk.run()
    assert desk.text("a") == "41 42 43 "
    assert desk.backend.used == desk.engine.stats().cached_cells == 44


def test_drafts_end_where_the_model_was_trained_to():
    desk = Desk(context_tokens=200, proposals=FixedProposals(*range(1, 17)))
    desk.backend.sequence_tokens = 30
    desk.submit("a", range(1, 20))
    desk.run()
    assert desk.text("a") == count_up(19, 11)
    assert max(start + tokens + len(draft) for start, tokens, draft in desk.spans("a")) <= 30


def test_what_a_constraint_forces_is_proposed():
    desk = Desk(proposals=ForcedProposals())
    desk.backend.forced["a"] = (2, 3)
    desk.submit("a", [0, 1], max_tokens=1, constraint=Constraint("lark", "x"))
    desk.submit("b", [1], max_tokens=3)
    desk.backend.forced["b"] = (7,)
    desk.run()
    assert all(draft == () for _, _, draft in desk.spans("b"))
