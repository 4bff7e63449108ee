import pytest

from labkit.engine.core.kv_cache import KvCache
from labkit.engine.core.moves import Drop, Identity
from labkit.engine.core.prefix_tree import common_length
from labkit.engine.core.scheduler import Scheduler
from labkit.engine.core.sequence import Sequence
from labkit.engine.types import AdapterUse, GenerationRequest

EVERYTHING = 1_000_000


def sequence(name, length, max_tokens=1, **fields):
    start = 1000 * ord(name[0])
    request = GenerationRequest(name, tuple(range(start + 1, start + length + 1)), max_tokens=max_tokens, **fields)
    return Sequence(request, arrived=0.0)


def scheduler(*, num_slots=4, num_cells=64, batch_tokens=16, max_logits=16, **cache):
    return Scheduler(
        KvCache(num_slots=num_slots, num_cells=num_cells, **cache),
        max_running=num_slots,
        batch_tokens=batch_tokens,
        max_logits=max_logits,
    )


def admit(desk):
    admitted = []
    while (found := desk.next_to_admit(0.0)) is not None:
        desk.admit(found)
        admitted.append(found)
    return admitted


def sizes(plan):
    return [(span.sequence.request.request_id, span.num_tokens, span.wants_logits) for span in plan.spans]


def names(sequences):
    return [each.request.request_id for each in sequences]


def test_the_shortest_prompt_goes_first_and_the_oldest_gets_its_part():
    desk = scheduler()
    for name, length in (("long", 30), ("short", 2), ("middle", 6)):
        desk.add(sequence(name, length))
    admit(desk)
    desk.running[0].arrived = -1.0
    assert sizes(desk.plan((), EVERYTHING)) == [("short", 2, True), ("middle", 6, True), ("long", 8, False)]


def test_a_stream_of_short_prompts_does_not_starve_a_long_one():
    desk = scheduler(num_cells=200)
    desk.add(sequence("long", 30))
    for name in ("a", "b"):
        desk.add(sequence(name, 16))
    admit(desk)
    desk.running[0].arrived = -1.0
    assert ("long", 4, False) in sizes(desk.plan((), EVERYTHING))


def test_sampling_rows_are_the_last_known_token_and_those_after_it_are_the_draft():
    desk = scheduler()
    desk.add(sequence("a", 3))
    desk.add(sequence("b", 4, max_tokens=9))
    admit(desk)
    plan = desk.plan((), EVERYTHING)
    assert [(span.sequence.request.request_id, first) for span, first in plan.placed()] == [("a", 0), ("b", 3)]
    assert [span.num_logits for span in plan.spans] == [1, 1]
    for span in plan.spans:
        desk.commit(span)
    for each in desk.running:
        each.tokens.append(each.tokens[-1] + 1)
        each.draft = (7, 8)
    plan = desk.plan((), EVERYTHING)
    assert [(span.length, first, span.num_logits) for span, first in plan.placed()] == [(3, 0, 3), (3, 3, 3)]
    assert plan.num_logits == 6


def test_drafts_are_cut_where_logits_or_cells_end():
    desk = scheduler(max_logits=4)
    for name in "ab":
        desk.add(sequence(name, 3, max_tokens=9))
    admit(desk)
    for span in desk.plan((), EVERYTHING).spans:
        desk.commit(span)
    for each in desk.running:
        each.tokens.append(1)
        each.draft = (7, 8, 9)
    plan = desk.plan((), EVERYTHING)
    assert [span.draft for span in plan.spans] == [(7, 8), ()]
    for span in plan.spans:
        desk.commit(span, 1 if span.draft else 0)
    assert [each.draft for each in desk.running] == [(), ()]
    assert [each.num_computed for each in desk.running] == [5, 4]


def test_admission_keeps_room_for_what_was_promised():
    desk = scheduler(num_cells=40)
    desk.add(sequence("a", 10, max_tokens=20))
    desk.add(sequence("b", 10, max_tokens=20))
    assert names(admit(desk)) == ["a"]


def test_shared_cells_are_not_promised_twice():
    desk = scheduler(num_cells=64, batch_tokens=64, max_logits=64)
    prompt = tuple(range(1, 41))
    for name in "ab":
        desk.add(Sequence(GenerationRequest(name, prompt, max_tokens=10), arrived=0.0))
    assert names(admit(desk)) == ["a"]  # b waits for what a computes
    for span in desk.plan((), EVERYTHING).spans:
        desk.commit(span)
    assert names(admit(desk)) == ["b"]
    assert desk.running[1].num_computed == 39
    desk.check_integrity()


def test_a_follower_does_not_wait_for_a_short_beginning():
    desk = scheduler(num_cells=200)
    desk.add(Sequence(GenerationRequest("a", (*range(1, 11), 50), max_tokens=1), arrived=0.0))
    desk.add(Sequence(GenerationRequest("b", (*range(1, 11), 60), max_tokens=1), arrived=0.0))
    assert names(admit(desk)) == ["a", "b"]


def test_no_cells_are_shared_between_tenants():
    desk = scheduler(num_cells=200, batch_tokens=64, max_logits=64)
    prompt = tuple(range(1, 41))
    for name in "ab":
        request = GenerationRequest(name, prompt, max_tokens=10, tenant=name)
        desk.add(Sequence(request, arrived=0.0, identity=Identity(tenant=name)))
    assert names(admit(desk)) == ["a", "b"]
    assert [each.num_computed for each in desk.running] == [0, 0]


def test_a_request_that_wants_more_than_there_is_runs_alone():
    desk = scheduler(num_cells=40)
    desk.add(sequence("a", 10, max_tokens=1000))
    assert admit(desk)


def test_lanes_are_served_in_order_and_patience_is_rewarded():
    desk = scheduler(num_slots=1)
    for name, lane in (("b", "batch"), ("n", "normal"), ("i", "interactive")):
        desk.add(sequence(name, 3, lane=lane))
    assert [each.request.request_id for each in desk.waiting.in_order(0.0)] == ["i", "n", "b"]
    desk.add(sequence("j", 3, lane="interactive"))
    late = list(desk.waiting)[1]
    late.arrived = 70.0
    assert [each.request.request_id for each in desk.waiting.in_order(71.0)] == ["i", "n", "b", "j"]


def test_the_youngest_of_the_worst_lane_is_preempted():
    desk = scheduler(num_cells=40)
    for name, lane in (("a", "batch"), ("b", "batch"), ("c", "normal")):
        desk.add(sequence(name, 10, lane=lane))
    admit(desk)
    for span in desk.plan((), EVERYTHING).spans:
        desk.commit(span)
    assert desk._victim().request.request_id == "b"


def test_models_that_copy_whole_sequences_stop_at_the_fork_point():
    desk = scheduler(num_cells=200, batch_tokens=100, max_logits=16, forks_anywhere=False)
    shared = tuple(range(1, 41))
    desk.add(Sequence(GenerationRequest("a", (*shared, 50, 51), max_tokens=1), arrived=0.0))
    desk.add(Sequence(GenerationRequest("b", (*shared, 60, 61), max_tokens=1), arrived=0.0))
    assert names(admit(desk)) == ["a"]
    (span,) = desk.plan((), EVERYTHING).spans
    assert span.num_tokens == 40
    desk.commit(span)
    assert names(admit(desk)) == ["b"]
    assert [each.num_computed for each in desk.running] == [40, 40]
    desk.check_integrity()


def test_integrity_notices_a_slot_held_twice():
    desk = scheduler()
    desk.add(sequence("a", 1))
    desk.add(sequence("b", 1))
    first, second = admit(desk)
    desk.check_integrity()
    second.slot = first.slot
    with pytest.raises(RuntimeError, match="the cache says"):
        desk.check_integrity()


def test_integrity_notices_cells_that_are_not_the_tokens():
    desk = scheduler()
    desk.add(sequence("a", 5))
    (only,) = admit(desk)
    for span in desk.plan((), EVERYTHING).spans:
        desk.commit(span)
    desk.check_integrity()
    only.tokens[2] += 1
    with pytest.raises(RuntimeError, match="are not its tokens"):
        desk.check_integrity()


def test_who_is_next_and_does_not_fit_is_waited_for():
    desk = scheduler(num_cells=60)
    desk.add(sequence("a", 10, max_tokens=10))
    desk.add(sequence("big", 40, max_tokens=10))
    desk.add(sequence("c", 5, max_tokens=1))
    assert names(admit(desk)) == ["a"]  # c would fit, and after it the next small one, and big would never run
    desk.remove(desk.running[0], keep=False)
    assert names(admit(desk)) == ["big", "c"]


def follower_of(desk):
    shared = tuple(range(1, 101))
    for name, own in (("leader", 7), ("follower", 8)):
        desk.add(Sequence(GenerationRequest(name, (*shared, own), max_tokens=1), arrived=0.0))
    (leader,) = admit(desk)
    (follower,) = desk.waiting
    return leader, follower


def test_a_follower_compares_prompts_once_and_not_at_every_step(monkeypatch):
    from labkit.engine.core import scheduler as module

    calls = []
    monkeypatch.setattr(module, "common_length", lambda *given: calls.append(given) or common_length(*given))
    desk = scheduler(num_cells=400)
    _, follower = follower_of(desk)
    for _ in range(5):
        assert not admit(desk)
        for span in desk.plan((), EVERYTHING).spans:
            desk.commit(span)
    assert len(calls) == 1
    for _ in range(2):
        for span in desk.plan((), EVERYTHING).spans:
            desk.commit(span)
    assert names(admit(desk)) == ["follower"]
    assert follower.num_computed == 100
    assert follower.leader is None


def test_a_follower_finds_another_leader_when_its_own_is_gone():
    desk = scheduler(num_cells=400)
    leader, _ = follower_of(desk)
    third = Sequence(GenerationRequest("third", (*range(1, 101), 9), max_tokens=1), arrived=1.0)
    desk.add(third)
    assert not admit(desk)
    desk.remove(leader, keep=False)
    assert names(admit(desk)) == ["follower"]
    assert third.leader is desk.running[0]


def test_a_leader_that_starts_anew_owes_nothing_for_its_followers():
    desk = scheduler(num_cells=400)
    leader, _ = follower_of(desk)
    for span in desk.plan((), EVERYTHING).spans:
        desk.commit(span)
    assert (leader.lent_until, leader.num_computed) == (100, 16)
    desk.preempt(leader)
    assert (leader.lent_until, leader.num_computed) == (0, 0)


def test_adapter_sets_take_turns_and_a_new_one_comes_at_once():
    desk = scheduler(num_cells=400, num_slots=4)
    one, two = (AdapterUse("one"),), (AdapterUse("two"),)
    for name, adapters in (("a", ()), ("b", one), ("c", one)):
        desk.add(sequence(name, 3, adapters=adapters))
    admit(desk)
    turns = [desk.choose_adapters() for _ in range(4)]
    assert sorted(map(len, turns[:2])) == [0, 1]
    assert turns[2:] == turns[:2]
    desk.add(sequence("d", 3, adapters=two))
    admit(desk)
    assert desk.choose_adapters() == two
    assert scheduler().choose_adapters() == ()


def test_a_resumed_sequence_reserves_only_what_is_left_of_its_answer():
    desk = scheduler(num_cells=60)
    only = sequence("a", 10, max_tokens=30)
    only.tokens += range(20)
    desk.add(only)
    admit(desk)
    assert only.reserved_cells == 40


def test_a_prompt_does_not_sample_when_all_rows_are_taken():
    desk = scheduler(num_cells=200, max_logits=2, batch_tokens=16)
    for name in "abc":
        desk.add(sequence(name, 4, max_tokens=9))
    admit(desk)
    assert sizes(desk.plan((), EVERYTHING)) == [("a", 4, True), ("b", 4, True), ("c", 3, False)]


def test_nobody_waits_for_a_cold_run():
    desk = scheduler(num_cells=400)
    desk.add(Sequence(GenerationRequest("cold", tuple(range(1, 101)), max_tokens=1, reuse=False), arrived=0.0))
    desk.add(Sequence(GenerationRequest("warm", tuple(range(1, 101)), max_tokens=1), arrived=1.0))
    assert names(admit(desk)) == ["cold", "warm"]


@pytest.mark.parametrize("forks_anywhere", [True, False])
def test_nobody_waits_for_what_is_computed_already(forks_anywhere):
    desk = scheduler(num_cells=400, batch_tokens=64, forks_anywhere=forks_anywhere)
    desk.add(Sequence(GenerationRequest("leader", tuple(range(1, 101)), max_tokens=1), arrived=0.0))
    admit(desk)
    for span in desk.plan((), EVERYTHING).spans:
        desk.commit(span)
    desk.add(Sequence(GenerationRequest("late", (*range(1, 51), 7), max_tokens=1), arrived=1.0))
    assert names(admit(desk)) == ["late"]
    assert desk.running[1].num_computed == (50 if forks_anywhere else 0)


def test_the_part_of_the_oldest_is_not_taken_from_the_others_twice():
    desk = scheduler(num_cells=400)
    for name, length in (("short", 2), ("old", 6), ("long", 30)):
        desk.add(sequence(name, length))
    admit(desk)
    desk.running[1].arrived = -1.0
    assert sizes(desk.plan((), EVERYTHING)) == [("short", 2, True), ("old", 6, True), ("long", 8, False)]


def test_starting_over_gives_everything_back_and_takes_from_a_slower_tier():
    desk = scheduler(num_cells=400, batch_tokens=64)
    desk.add(sequence("a", 40))
    admit(desk)
    for span in desk.plan((), EVERYTHING).spans:
        desk.commit(span)
    again = sequence("a", 40)
    desk.add(again)
    admit(desk)
    assert (again.num_computed, again.num_cached, again.cached_from) == (39, 39, "device")
    assert desk.start_over(again) == [Drop(again.slot, 0)]
    assert (again.num_computed, again.num_cached, again.cached_from) == (0, 0, None)
    desk.restore(again, 35, "host")
    assert (again.num_computed, again.num_cached, again.cached_from) == (35, 35, "host")
    desk.check_integrity()
