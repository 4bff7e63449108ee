"""What requests share, and what adapters keep apart: the loop over a backend with books."""

import pytest

from fakes.desk import Desk
from labkit.engine.types import AdapterUse
from labkit.errors import InvalidRequestError

LONG = range(1, 41)
BIG = {"context_tokens": 2000, "num_slots": 16, "max_running": 8, "batch_tokens": 64}


@pytest.mark.parametrize("forks_anywhere", [True, False])
def test_a_burst_computes_what_it_shares_once(forks_anywhere):
    desk = Desk(**BIG, forks_anywhere=forks_anywhere)
    for number in range(8):
        desk.submit(str(number), [*LONG, 1000 * number + 500], max_tokens=1)
    desk.run()
    assert desk.computed() == 40 + 8
    assert [desk.last(str(n)).usage.cached_tokens for n in range(8)] == [0] + [40] * 7
    assert [desk.text(str(n)) for n in range(8)] == [f"{1000 * n + 501} " for n in range(8)]


@pytest.mark.parametrize("forks_anywhere", [True, False])
def test_identical_prompts_are_computed_once_and_their_last_token_each(forks_anywhere):
    desk = Desk(**BIG, forks_anywhere=forks_anywhere)
    desk.burst("abcd", LONG, max_tokens=3)
    desk.run()
    assert {desk.text(name) for name in "abcd"} == {"41 42 43 "}
    assert desk.computed() == 39 + 4 * 3


@pytest.mark.parametrize("end", ["cancelled", "failed", "preempted"])
def test_followers_go_on_without_their_leader(end):
    desk = Desk(**{**BIG, "batch_tokens": 8})
    desk.burst("abc", LONG, max_tokens=2)
    desk.engine.step()
    assert desk.engine.stats().num_waiting == 2
    if end == "cancelled":
        desk.engine.cancel("a")
    elif end == "failed":
        desk.backend.poisoned.add("a")
    else:
        loop = desk.engine._loop
        loop._apply(loop._scheduler.preempt(loop._scheduler.running[0]))
    desk.run()
    assert desk.text("b") == desk.text("c") == "41 42 "
    if end == "cancelled":
        assert desk.last("b").usage.cached_tokens == 0  # eight tokens are not worth looking after
        assert desk.last("c").usage.cached_tokens == 39
    if end == "preempted":
        assert desk.text("a") == "41 42 "


def test_a_follower_that_waits_can_be_cancelled():
    desk = Desk(**{**BIG, "batch_tokens": 8})
    desk.burst("abc", LONG, max_tokens=2)
    desk.engine.step()
    desk.engine.cancel("b")
    desk.run()
    assert desk.last("b").finish_reason == "cancelled"
    assert desk.last("b").usage.completion_tokens == 0
    assert desk.text("a") == desk.text("c") == "41 42 "


def test_no_cells_pass_between_tenants_or_adapter_sets():
    desk = Desk(**BIG)
    for name in ("x", "y"):
        desk.backend.load_adapter(name, name)
    kinds = [
        {},
        {"tenant": "t"},
        {"adapters": (AdapterUse("x"),)},
        {"adapters": (AdapterUse("x", 0.5),)},
        {"adapters": (AdapterUse("y"),)},
        {"adapters": (AdapterUse("x"), AdapterUse("y"))},
    ]
    for number, kind in enumerate(kinds):
        desk.submit(str(number), LONG, max_tokens=2, **kind)
    desk.run()
    assert [desk.last(str(n)).usage.cached_tokens for n in range(len(kinds))] == [0] * len(kinds)
    for number, kind in enumerate(kinds):
        desk.submit(f"again{number}", LONG, max_tokens=2, **kind)
    desk.run()
    assert [desk.last(f"again{n}").usage.cached_tokens for n in range(len(kinds))] == [39] * len(kinds)


def test_a_cold_run_takes_no_cells_and_leaves_none():
    desk = Desk(**BIG)
    desk.submit("cold", LONG, max_tokens=2, reuse=False)
    desk.run()
    assert desk.engine.stats().cached_slots == 0
    desk.submit("warm", LONG, max_tokens=2)
    desk.run()
    desk.submit("cold again", LONG, max_tokens=2, reuse=False)
    desk.run()
    assert desk.last("warm").usage.cached_tokens == 0
    assert desk.last("cold again").usage.cached_tokens == 0
    assert desk.spans("cold again")[0] == (0, 40, ())
    assert desk.engine.stats().cached_slots == 1


@pytest.mark.parametrize("cells", [0, 60, 130])
def test_finished_sequences_keep_to_their_budget(cells):
    desk = Desk(**BIG, cache_bytes=cells * 10)
    for number in range(6):
        desk.submit(str(number), range(1000 * number + 1, 1000 * number + 41), max_tokens=2)
        desk.run()
        assert desk.engine.stats().cached_cells <= cells
    assert desk.engine.stats().cached_slots == cells // 41


# Adapters


def two_groups(**sizes):
    desk = Desk(**{**BIG, **sizes})
    desk.backend.load_adapter("x", "x")
    return desk


def test_adapter_sets_take_turns():
    desk = two_groups()
    desk.submit("a", [1], max_tokens=20)
    desk.submit("b", [101], max_tokens=20, adapters=(AdapterUse("x"),))
    desk.submit("c", [201], max_tokens=20, adapters=(AdapterUse("x"),))
    for _ in range(20):
        desk.engine.step()
    sets = [bool(plan.adapters) for plan in desk.backend.plans]
    assert sets == [sets[0], not sets[0]] * 10
    assert [len(desk.spans(name)) for name in "abc"] == [10, 10, 10]


def test_a_prompt_gets_on_beside_as_many_foreign_streams_as_a_batch_holds():
    desk = two_groups(batch_tokens=4)
    for number in range(4):
        desk.submit(str(number), [100 * number + 1], max_tokens=90)
    for _ in range(3):
        desk.engine.step()
    desk.submit("x", range(1001, 1005), max_tokens=1, adapters=(AdapterUse("x"),))
    for _ in range(10):
        desk.engine.step()
    assert desk.text("x") == "1005 "


def test_an_adapter_in_use_stays_and_its_cells_go_with_it():
    desk = two_groups()
    desk.submit("a", LONG, max_tokens=5, adapters=(AdapterUse("x"),))
    desk.submit("b", range(1001, 1041), max_tokens=5)
    desk.engine.step()
    with pytest.raises(InvalidRequestError, match="in use"):
        desk.engine._loop.unload_adapter("x")
    assert "x" in desk.backend.adapters
    desk.run()
    assert desk.engine.stats().cached_slots == 2
    desk.engine._loop.unload_adapter("x")
    assert desk.engine.stats().cached_slots == 1
    assert desk.backend.used == desk.engine.stats().cached_cells == 44
    assert "x" not in desk.backend.adapters
    desk.submit("late", LONG, adapters=(AdapterUse("x"),))
    desk.run()
    assert isinstance(desk.last("late").error, InvalidRequestError)


@pytest.mark.parametrize("memory", ["attention", "window", "recurrent"])
def test_the_same_prompt_later_computes_its_last_token_alone(memory):
    desk = Desk(**BIG, forks_anywhere=memory == "attention", can_rewind=memory != "recurrent")
    for name in "ab":
        desk.submit(name, LONG, max_tokens=3)
        desk.run()
    assert desk.last("b").usage.cached_tokens == 39
    assert desk.text("b") == "41 42 43 "


@pytest.mark.parametrize("memory", ["attention", "window", "recurrent"])
def test_a_conversation_goes_on_from_where_it_stood(memory):
    desk = Desk(**BIG, forks_anywhere=memory == "attention", can_rewind=memory != "recurrent")
    desk.submit("a", LONG, max_tokens=3)
    desk.run()
    desk.submit("b", [*LONG, 41, 42, 43, 500, 501], max_tokens=1)
    desk.run()
    assert desk.last("b").usage.cached_tokens == 42  # what was answered last was never computed
