import pytest

from labkit.engine.core.sequence import Sequence
from labkit.engine.core.waiting import PATIENCE_SECONDS, WaitingQueue, rank, urgency
from labkit.engine.types import GenerationRequest


def sequence(name, lane="normal", arrived=0.0, admitted=None):
    return Sequence(GenerationRequest(name, (1, 2, 3), lane=lane), arrived=arrived, admitted=admitted)


def queue_of(*sequences):
    queue = WaitingQueue()
    for each in sequences:
        queue.put(each)
    return queue


def names(sequences):
    return "".join(each.request.request_id for each in sequences)


@pytest.mark.parametrize(
    ("lane", "waited", "expected"),
    [
        ("interactive", 0, 0),
        ("normal", 0, 1),
        ("batch", 0, 2),
        ("batch", PATIENCE_SECONDS - 0.1, 2),
        ("batch", PATIENCE_SECONDS, 1),
        ("batch", 2 * PATIENCE_SECONDS, 0),
        ("interactive", 1000, 0),
    ],
)
def test_rank(lane, waited, expected):
    assert rank(lane, waited) == expected


def test_lanes_then_arrival():
    queue = queue_of(
        sequence("a", "batch"), sequence("b", arrived=2), sequence("c", arrived=1), sequence("d", "interactive", 3)
    )
    assert names(queue.in_order(4)) == "dcba"
    assert len(queue) == 4
    assert sorted(names(queue)) == list("abcd")


def test_patience_moves_a_lane_up_but_not_before_those_that_came_earlier():
    queue = queue_of(sequence("b", "batch", 0), sequence("n", "normal", 1), sequence("o", "normal", 50))
    assert names(queue.in_order(PATIENCE_SECONDS - 1)) == "nob"
    assert names(queue.in_order(PATIENCE_SECONDS + 0.5)) == "bno"
    assert names(queue.in_order(PATIENCE_SECONDS + 1)) == "nbo"


def test_who_ran_already_comes_before_its_lane():
    queue = queue_of(sequence("a", arrived=0), sequence("i", "interactive", 5))
    queue.put_back(sequence("r", arrived=3, admitted=4))
    assert names(queue.in_order(6)) == "ira"


def test_taking_out():
    first, second = sequence("a"), sequence("b")
    queue = queue_of(first, second)
    queue.remove(first)
    assert names(queue) == "b"
    with pytest.raises(ValueError, match="not in deque"):
        queue.remove(first)


def test_a_running_one_counts_as_of_the_best_lane_that_waits_for_it():
    leader = sequence("a", "batch")
    leader.slot = 0
    assert urgency(leader) == 2
    leader.lend(1, 100)
    leader.lend(0, 50)
    leader.lend(1, 70)
    assert urgency(leader) == 0
    leader.num_computed = 99
    assert urgency(leader) == 0
    leader.num_computed = 100
    assert urgency(leader) == 2
    leader.lend(1, 200)  # what was lent before is over
    assert urgency(leader) == 1
    fast = sequence("b", "interactive")
    fast.lend(2, 100)
    assert urgency(fast) == 0
