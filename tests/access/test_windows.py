import random

import pytest

from labkit.access.windows import BUCKETS, SlidingWindow


def test_amounts_are_forgotten_when_they_are_old():
    window = SlidingWindow(60.0)
    window.add(3, 100.0)
    window.add(2, 130.0)
    assert [window.total(now) for now in (130.0, 159.9, 160.0, 189.9, 190.0)] == [5, 5, 2, 2, 0]


def test_when_there_is_room_again():
    window = SlidingWindow(60.0)
    window.add(3, 100.0)
    window.add(2, 130.0)
    assert window.seconds_until(5, 140.0) == 0.0
    assert window.seconds_until(4, 140.0) == pytest.approx(20.0)
    assert window.seconds_until(2, 140.0) == pytest.approx(20.0)
    assert window.seconds_until(1, 140.0) == pytest.approx(50.0)
    assert window.seconds_until(0, 140.0) == pytest.approx(50.0)
    assert window.seconds_until(-1, 140.0) == 60.0


@pytest.mark.parametrize("seed", range(20))
def test_the_sum_is_exact_but_for_one_bucket(seed):
    random_ = random.Random(seed)
    window, events, now = SlidingWindow(60.0), [], 0.0
    for _ in range(2000):
        now += random_.expovariate(5.0)
        amount = random_.randrange(1, 10)
        window.add(amount, now)
        events.append((now, amount))
        exact = sum(amount for at, amount in events if at > now - 60.0)
        surely = sum(amount for at, amount in events if at > now - 60.0 * (1 - 1 / BUCKETS))
        assert surely <= window.total(now) <= exact


def test_it_stays_small():
    window = SlidingWindow(60.0)
    for number in range(100_000):
        window.add(1, number * 0.01)
    assert len(window._buckets) <= BUCKETS + 1
