import pytest

from labkit.serving.restart_policy import RestartPolicy


def test_back_off_doubles_up_to_its_limit():
    policy = RestartPolicy(max_crashes=100)
    delays = [policy.delay_after(range(n)) for n in range(1, 9)]
    assert delays == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0])


def test_the_breaker_opens_at_five_crashes_within_a_minute():
    policy = RestartPolicy()
    assert policy.delay_after([0, 1, 2, 3]) == pytest.approx(1.6)
    assert policy.delay_after([0, 1, 2, 3, 4]) is None


def test_old_crashes_are_forgiven():
    policy = RestartPolicy()
    assert policy.delay_after([0, 1, 2, 3, 100]) == pytest.approx(0.2)
    assert policy.delay_after([0, 20, 40, 60.1, 61]) == pytest.approx(1.6)
