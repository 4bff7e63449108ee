from labkit.worker.standstill import Standstill


def look_every_second(standstill, progress, is_busy=True, start=0):
    return [standstill.look(each, is_busy=is_busy, now=float(now)) for now, each in enumerate(progress, start=start)]


def test_what_moves_does_not_stand_still():
    standstill = Standstill(3.0)
    assert look_every_second(standstill, range(10)) == [0.0] * 10
    assert not standstill.is_stuck


def test_what_stands_still_for_too_long_is_stuck_until_it_moves():
    standstill = Standstill(3.0)
    assert look_every_second(standstill, [5, 5, 5]) == [0.0, 1.0, 2.0]
    assert not standstill.is_stuck
    assert standstill.look(5, is_busy=True, now=3.0) == 3.0
    assert standstill.is_stuck
    assert standstill.look(6, is_busy=True, now=4.0) == 0.0
    assert not standstill.is_stuck


def test_the_idle_may_stand_still_for_ever_and_their_rest_does_not_count_later():
    standstill = Standstill(3.0)
    assert look_every_second(standstill, [5] * 50, is_busy=False) == [0.0] * 50
    assert look_every_second(standstill, [5, 5], start=50) == [1.0, 2.0]


def test_whoever_was_kept_from_looking_does_not_blame_the_engine():
    standstill = Standstill(3.0)
    standstill.look(5, is_busy=True, now=0.0)
    assert standstill.look(5, is_busy=True, now=3600.0) == 2.0
    assert not standstill.is_stuck
