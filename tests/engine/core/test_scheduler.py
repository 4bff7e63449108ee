import pytest

from labkit.engine.core.scheduler import Scheduler
from labkit.engine.core.sequence import Sequence
from labkit.engine.types import GenerationRequest


def sequence(name, length, max_tokens=1):
    return Sequence(GenerationRequest(name, tuple(range(1, length + 1)), max_tokens=max_tokens), arrived=0.0)


def scheduler(**sizes):
    return Scheduler(**{"num_slots": 4, "num_cells": 64, "batch_tokens": 16, **sizes})


def sizes(plan):
    return [(span.sequence.request.request_id, span.num_tokens, span.wants_logits) for span in plan.spans]


def test_the_room_of_a_batch_is_shared_and_what_short_ones_leave_goes_to_long_ones():
    desk = scheduler()
    for name, length in (("long", 30), ("short", 2), ("middle", 6)):
        desk.add(sequence(name, length))
    desk.admit()
    assert sizes(desk.plan()) == [("short", 2, True), ("middle", 6, True), ("long", 8, False)]


def test_logits_rows_are_the_last_tokens_of_their_spans():
    desk = scheduler()
    desk.add(sequence("a", 3))
    desk.add(sequence("b", 4))
    desk.admit()
    assert [(s.request.request_id, row) for s, row in desk.plan().logits_rows()] == [("a", 2), ("b", 6)]


def test_admission_keeps_room_for_what_was_promised():
    desk = scheduler(num_cells=40)
    desk.add(sequence("a", 10, max_tokens=20))
    desk.add(sequence("b", 10, max_tokens=20))
    assert [s.request.request_id for s in desk.admit()] == ["a"]


def test_a_request_that_wants_more_than_there_is_runs_alone():
    desk = scheduler(num_cells=40)
    desk.add(sequence("a", 10, max_tokens=1000))
    assert desk.admit()


def test_integrity_notices_a_slot_held_twice():
    desk = scheduler()
    desk.add(sequence("a", 1))
    desk.add(sequence("b", 1))
    first, second = desk.admit()
    desk.check_integrity()
    second.slot = first.slot
    with pytest.raises(RuntimeError, match="slots do not add up"):
        desk.check_integrity()


def test_integrity_notices_too_many_cells():
    desk = scheduler()
    desk.add(sequence("a", 1))
    (only,) = desk.admit()
    only.num_computed = 65
    with pytest.raises(RuntimeError, match="cells in use"):
        desk.check_integrity()
