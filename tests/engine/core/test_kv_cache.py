import pytest

from labkit.engine.core.kv_cache import KvCache
from labkit.engine.core.moves import Copy, Drop, Identity, Save
from labkit.engine.core.prefix_tree import Match

PLAIN = Identity()


def make(*, num_slots=4, num_cells=200, **fields):
    return KvCache(num_slots=num_slots, num_cells=num_cells, **fields)


def run(cache, tokens, identity=PLAIN):
    """A sequence that computes `tokens`, all that it can share aside."""
    tokens = list(tokens)
    match = cache.match(identity, tokens, len(tokens))
    slot, moves = cache.start(identity, match)
    cache.extend(slot, tokens[cache.tree.length(slot) :])
    cache.check_integrity()
    return slot, moves


def keep(cache, tokens, identity=PLAIN):
    slot, _ = run(cache, tokens, identity)
    moves = cache.finish(slot, keep=True)
    cache.check_integrity()
    return slot, moves


def test_a_finished_sequence_is_shared_and_its_cells_count_once():
    cache = make()
    first, moves = keep(cache, range(40))
    assert moves == []
    slot, moves = run(cache, [*range(30), 99])
    assert moves == [Copy(first, slot, 30)]
    assert cache.num_free == 200 - 41
    assert cache.num_running_cells == 31


def test_a_short_sequence_is_not_kept():
    cache = make()
    slot, moves = keep(cache, range(15))
    assert moves == [Drop(slot)]
    slot, moves = keep(cache, range(16))
    assert moves == []
    assert (cache.num_cached_slots, cache.num_free) == (1, 184)


def test_the_least_recently_used_makes_room_and_a_share_counts_as_use():
    cache = make(num_slots=3)
    slots = [keep(cache, range(100 * n, 100 * n + 20))[0] for n in range(3)]
    follower, moves = run(cache, [*range(20), 7])
    assert moves == [Drop(slots[1]), Copy(slots[0], follower, 20)]
    assert cache.make_room(200 - 21) == [Drop(slots[2])]
    assert cache.match(PLAIN, list(range(20)), 20) is not None


def test_room_is_made_of_as_few_as_possible():
    cache = make()
    slots = [keep(cache, range(100 * n, 100 * n + 20))[0] for n in range(3)]
    assert cache.make_room(140) == []
    assert cache.make_room(141) == [Drop(slots[0])]
    assert cache.make_room(1000) == [Drop(slots[1]), Drop(slots[2])]


def test_the_only_slot_goes_on_where_it_matches():
    cache = make(num_slots=1)
    slot, _ = keep(cache, range(40))
    again, moves = run(cache, [*range(25), 99])
    assert (again, moves) == (slot, [Drop(slot, 25)])
    assert cache.tree.path(slot) == [*range(25), 99]
    assert not cache.can_acquire
    assert cache.num_cached_slots == 0


def test_no_slot_is_an_error():
    cache = make(num_slots=1)
    run(cache, range(5))
    assert not cache.can_acquire
    with pytest.raises(IndexError, match="no slot"):
        cache.start(PLAIN)


def test_of_two_that_begin_alike_the_longer_is_kept():
    cache = make()
    short, _ = keep(cache, range(30))
    long, moves = keep(cache, range(50))
    assert moves == [Drop(short)]
    assert (cache.num_cached_slots, cache.num_free) == (1, 150)
    again, moves = keep(cache, range(20))
    assert moves == [Drop(again)]
    assert cache.match(PLAIN, list(range(50)), 50) == Match(long, 50)


@pytest.mark.parametrize("forks_anywhere", [True, False])
def test_of_twins_one_is_kept_and_counts_as_used(forks_anywhere):
    cache = make(forks_anywhere=forks_anywhere)
    twins = [cache.start(PLAIN)[0] for _ in range(2)]
    for slot in twins:
        cache.extend(slot, list(range(20)))
    other, _ = cache.start(PLAIN)
    cache.extend(other, list(range(100, 120)))
    assert cache.finish(twins[0], keep=True) == []
    assert cache.finish(other, keep=True) == []
    assert cache.finish(twins[1], keep=True) == [Drop(twins[1])]
    assert cache.make_room(161) == [Drop(other)]
    cache.check_integrity()


def test_whole_sequences_of_other_lengths_serve_others():
    cache = make(forks_anywhere=False)
    long, _ = keep(cache, range(50))
    slot, _ = cache.start(PLAIN)
    cache.extend(slot, list(range(20)))
    assert cache.finish(slot, keep=True) == []
    assert cache.match(PLAIN, list(range(60)), 60) == Match(long, 50)
    assert cache.match(PLAIN, list(range(49)), 49) == Match(slot, 20)


def test_a_snapshot_shares_the_cells_of_the_running_one():
    cache = make(forks_anywhere=False, num_slots=2)
    slot, _ = run(cache, range(20))
    (copy,) = cache.snapshot(slot)
    assert copy == Copy(slot, 1, 20)
    assert (cache.num_free, cache.num_cached_slots, cache.running) == (180, 1, {slot})
    cache.check_integrity()


def test_a_snapshot_needs_a_slot_and_is_not_made_of_little():
    cache = make(forks_anywhere=False, num_slots=1)
    slot, _ = run(cache, range(20))
    assert cache.snapshot(slot) == []
    cache = make(forks_anywhere=False)
    slot, _ = run(cache, range(15))
    assert cache.snapshot(slot) == []


@pytest.mark.parametrize("keeps", [True, False])
def test_the_budget_holds_when_a_running_sequence_leaves_shared_cells_behind(keeps):
    cache = make(forks_anywhere=False, cached_cells=30)
    slot, _ = run(cache, range(40))
    cache.snapshot(slot)
    assert cache.num_cached_slots == 1  # what a running one holds too costs nothing
    cache.finish(slot, keep=keeps)
    assert cache.num_cached_slots == 0
    assert cache.num_free == 200
    cache.check_integrity()


def test_the_budget_evicts_the_oldest():
    cache = make(cached_cells=40)
    slots = [keep(cache, range(100 * n, 100 * n + 20))[0] for n in range(2)]
    _, moves = keep(cache, range(300, 320))
    assert moves == [Drop(slots[0])]


def test_what_is_evicted_is_saved_first_and_covered_ones_are_not():
    cache = make(saves=True, num_cells=1000)
    slot, _ = keep(cache, range(64))
    follower, _ = run(cache, range(64))
    assert cache.make_room(1000) == [Drop(slot)]
    cache.finish(follower, keep=True)
    assert cache.make_room(1000) == [Save(follower, PLAIN, tuple(range(64))), Drop(follower)]


def test_cells_held_by_running_ones_are_not_asked_for_twice():
    cache = make()
    running, _ = run(cache, range(40))
    keep(cache, range(100, 140))
    assert cache.shared_with_running(PLAIN, list(range(60)), 60) == 40
    assert cache.shared_with_running(PLAIN, list(range(60)), 10) == 10
    assert cache.shared_with_running(PLAIN, list(range(100, 140)), 40) == 0
    assert cache.shared_with_running(Identity(tenant="x"), list(range(60)), 60) == 0
    assert running in cache.running


def test_whole_sequences_share_only_what_can_be_copied():
    cache = make(forks_anywhere=False)
    slot, _ = run(cache, range(40))
    assert cache.shared_with_running(PLAIN, list(range(30)), 29) == 0
    assert cache.shared_with_running(PLAIN, list(range(60)), 59) == 40
    cache.snapshot(slot)
    cache.extend(slot, [1, 2, 3])
    assert cache.shared_with_running(PLAIN, list(range(60)), 59) == 40


def test_an_adapters_cells_are_forgotten_by_digest_also_in_company():
    cache = make(num_slots=5)
    with_a = keep(cache, range(20), Identity((("a", 1.0),)))[0]
    with_both = keep(cache, range(20), Identity((("a", 0.5), ("b", 1.0)), "t"))[0]
    keep(cache, range(20), Identity((("b", 1.0),)))
    keep(cache, range(20))
    assert cache.forget("a") == [Drop(with_a), Drop(with_both)]
    assert cache.num_cached_slots == 2
    assert cache.forget("nobody") == []


def test_going_back():
    cache = make()
    slot, _ = run(cache, range(20))
    assert cache.truncate(slot, 20) == []
    assert cache.truncate(slot, 25) == []
    assert cache.truncate(slot, 12) == [Drop(slot, 12)]
    assert cache.num_free == 188


@pytest.mark.parametrize("damage", ["cells", "both", "slots"])
def test_integrity_notices(damage):
    cache = make()
    slot, _ = run(cache, range(20))
    other, _ = keep(cache, range(100, 120))
    cache.check_integrity()
    if damage == "cells":
        cache.num_cells = 39
    elif damage == "both":
        cache.running.add(other)
    else:
        cache.running.discard(slot)
    with pytest.raises(RuntimeError):
        cache.check_integrity()
