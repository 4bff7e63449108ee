import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.engine.core.cost import CostModel


def learned(seconds, sizes=(1, 8, 64, 512, 2048)):
    cost = CostModel()
    for size in sizes:
        cost.observe(size, seconds(size))
    return cost


def straight(tokens):
    return 0.01 + 0.001 * tokens


def test_nothing_is_known_at_first():
    cost = CostModel()
    assert cost.seconds(1) is None
    assert cost.tokens_within(0.1, at_least=3, at_most=77) == 77


def test_between_the_sizes_seen_it_is_a_straight_line():
    cost = learned(straight)
    for tokens in (1, 5, 64, 100, 1000, 2048):
        assert cost.seconds(tokens) == pytest.approx(straight(tokens))


def test_outside_them_it_is_flat_below_and_proportional_above():
    cost = learned(straight, (10, 100))
    assert cost.seconds(1) == pytest.approx(straight(10))
    assert cost.seconds(300) == pytest.approx(3 * straight(100))


def test_the_largest_forward_within_a_time():
    cost = learned(straight)
    assert cost.tokens_within(0.21, at_least=1, at_most=2048) == pytest.approx(200, abs=1)
    assert cost.tokens_within(9.0, at_least=1, at_most=2048) == 2048
    assert cost.tokens_within(0.001, at_least=65, at_most=2048) == 65
    assert cost.tokens_within(1.0, at_least=4, at_most=4) == 4


def test_it_follows_a_machine_that_gets_busy():
    cost = learned(straight)
    for _ in range(30):
        cost.observe(64, 3 * straight(64))
    assert cost.seconds(64) == pytest.approx(3 * straight(64), rel=0.01)


def test_one_outlier_counts_as_twice_the_mean_at_most():
    cost = learned(straight)
    cost.observe(64, 100.0)
    assert cost.seconds(64) == pytest.approx(straight(64) * 1.25)


def test_more_tokens_never_cost_less_whatever_was_seen():
    cost = learned(lambda tokens: 1.0 / tokens)
    assert [cost.seconds(tokens) for tokens in (1, 64, 2048)] == [1.0, 1.0, 1.0]


@given(
    seen=st.lists(st.tuples(st.integers(1, 4096), st.floats(1e-4, 10)), min_size=1, max_size=30),
    seconds=st.floats(1e-5, 20),
    at_least=st.integers(1, 100),
)
def test_the_answer_is_within_its_bounds_and_the_time(seen, seconds, at_least):
    cost = CostModel()
    for tokens, spent in seen:
        cost.observe(tokens, spent)
    found = cost.tokens_within(seconds, at_least=at_least, at_most=2048)
    assert at_least <= found <= 2048
    assert found == at_least or cost.seconds(found) <= seconds
    assert found == 2048 or cost.seconds(found + 1) > seconds
    costs = [cost.seconds(tokens) for tokens in range(1, 5000, 37)]
    assert costs == sorted(costs)
