import pytest

from labkit.access.keys import Budget
from labkit.access.meter import DAY, Meter, Standing
from labkit.errors import BudgetExceededError


def refused(call):
    with pytest.raises(BudgetExceededError) as caught:
        call()
    return caught.value


def test_without_a_budget_everything_is_let_in():
    meter = Meter()
    for _ in range(1000):
        meter.enter(Budget(), 0.0)
        meter.reserve(Budget(), 10**9, 0.0)
    assert meter.standings(Budget(), 0.0) == {}


def test_requests_per_minute():
    meter, budget = Meter(), Budget(requests_per_minute=3)
    for second in (0.0, 10.0, 20.0):
        meter.enter(budget, second)
    error = refused(lambda: meter.enter(budget, 21.5))
    assert "3 requests per minute" in error.message
    assert error.retry_after_seconds == 39
    meter.enter(budget, 60.0)
    assert refused(lambda: meter.enter(budget, 60.0)).retry_after_seconds == 10


def test_refused_requests_cost_nothing():
    meter, budget = Meter(), Budget(requests_per_minute=1)
    meter.enter(budget, 0.0)
    for second in range(1, 60):
        refused(lambda second=second: meter.enter(budget, float(second)))
    meter.enter(budget, 60.0)


def test_requests_per_day_are_those_of_any_24_hours():
    meter, budget = Meter(), Budget(requests_per_day=2)
    meter.enter(budget, 0.0)
    meter.enter(budget, 3600.0)
    error = refused(lambda: meter.enter(budget, 7200.0))
    assert error.retry_after_seconds == DAY - 7200
    meter.enter(budget, DAY)


def test_requests_at_once():
    meter, budget = Meter(), Budget(concurrent_requests=2)
    meter.enter(budget, 0.0)
    meter.enter(budget, 0.0)
    error = refused(lambda: meter.enter(budget, 0.0))
    assert "2 requests at once" in error.message
    assert error.retry_after_seconds == 1
    meter.leave(0, 5, 0.0)
    meter.enter(budget, 0.0)


def test_tokens_are_charged_when_the_answer_is_over():
    meter, budget = Meter(), Budget(tokens_per_minute=100)
    meter.enter(budget, 0.0)
    reserved = meter.reserve(budget, 90, 0.0)
    assert meter.standings(budget, 0.0)["tokens"] == Standing(100, 10, 0.0)
    meter.leave(reserved, 20, 5.0)
    assert meter.standings(budget, 5.0)["tokens"] == Standing(100, 80, 60.0)


def test_requests_that_run_at_once_cannot_pass_the_limit_together():
    meter, budget = Meter(), Budget(tokens_per_minute=100)
    meter.enter(budget, 0.0)
    reserved = meter.reserve(budget, 60, 0.0)
    meter.enter(budget, 0.0)
    assert refused(lambda: meter.reserve(budget, 60, 0.0)).retry_after_seconds == 1
    meter.leave(0, 0, 0.0)
    meter.leave(reserved, 10, 0.0)
    meter.enter(budget, 0.0)
    meter.reserve(budget, 60, 0.0)


def test_a_wish_above_the_limit_starts_when_nothing_else_counts():
    meter, budget = Meter(), Budget(tokens_per_minute=100)
    meter.enter(budget, 0.0)
    meter.leave(meter.reserve(budget, 5000, 0.0), 30, 0.0)
    meter.enter(budget, 1.0)
    error = refused(lambda: meter.reserve(budget, 5000, 1.0))
    assert error.retry_after_seconds == 59
    meter.leave(0, 0, 1.0)
    meter.enter(budget, 60.0)
    meter.reserve(budget, 5000, 60.0)


def test_what_was_taken_beyond_the_limit_delays_the_next_request():
    meter, budget = Meter(), Budget(tokens_per_minute=100)
    meter.enter(budget, 0.0)
    meter.leave(meter.reserve(budget, 10, 0.0), 400, 30.0)
    assert meter.standings(budget, 31.0)["tokens"].remaining == 0
    error = refused(lambda: meter.enter(budget, 31.0))
    assert "100 tokens per minute" in error.message
    assert error.retry_after_seconds == 59


def test_tokens_per_day_survive_a_restart():
    budget = Budget(tokens_per_day=1000, requests_per_day=10)
    meter = Meter()
    meter.restore(num_requests=4, num_tokens=700, age_seconds=DAY - 100, now=50.0)
    meter.restore(num_requests=5, num_tokens=300, age_seconds=1000.0, now=50.0)
    assert refused(lambda: meter.enter(budget, 50.0)).retry_after_seconds == 100
    assert meter.standings(budget, 50.0)["requests"].remaining == 1
    meter.enter(budget, 150.0)


def test_no_limit_of_nothing_lets_anything_in():
    assert refused(lambda: Meter().enter(Budget(requests_per_minute=0), 0.0)).retry_after_seconds >= 1
    assert refused(lambda: Meter().enter(Budget(tokens_per_day=0), 0.0)).retry_after_seconds >= 1
    assert refused(lambda: Meter().enter(Budget(concurrent_requests=0), 0.0)).retry_after_seconds >= 1


def test_of_two_windows_the_fuller_one_is_told():
    meter, budget = Meter(), Budget(requests_per_minute=100, requests_per_day=5)
    meter.enter(budget, 0.0)
    assert meter.standings(budget, 0.0)["requests"] == Standing(5, 4, DAY)


def test_limits_may_change_while_requests_run():
    meter = Meter()
    for _ in range(5):
        meter.enter(Budget(), 0.0)
    refused(lambda: meter.enter(Budget(requests_per_minute=5), 1.0))
    meter.enter(Budget(requests_per_minute=6), 1.0)
