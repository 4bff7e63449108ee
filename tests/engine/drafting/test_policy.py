"""The policy in simulations: what a stream costs with it, over what it costs without."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.engine.drafting import MAX_DRAFT, SpeculationPolicy

Cost = Callable[[int], float]
COSTS: dict[str, Cost] = {
    "small batches are cheap": lambda tokens: 0.02 + 0.0005 * tokens,
    "a processor": lambda tokens: 0.02 * (0.75 + 0.25 * tokens),
    "every token costs the same": lambda tokens: 0.02 * tokens,
    "a step": lambda tokens: 0.02 if tokens <= 4 else 0.1,
}


def relative_time(
    cost: Cost, is_right: Callable[[int], bool], *, sequences: int = 1, steps: int = 600, request_tokens: int = 10**9
) -> float:
    """Time per token with the policy over the time per token without, for one of `sequences` equal streams."""
    policy = SpeculationPolicy(cost)
    seconds, tokens = 0.0, 0
    for _ in range(steps):
        request = str(tokens // request_tokens)
        count = policy.decide(request, batch_tokens=sequences, num_sequences=sequences)
        assert 0 <= count <= MAX_DRAFT
        accepted = 0
        while accepted < count and is_right(tokens + accepted):
            accepted += 1
        policy.observe(request, count, accepted)
        tokens += accepted + 1
        seconds += cost(sequences) / sequences + cost(sequences + count) - cost(sequences)
    return seconds / (tokens * cost(sequences) / sequences)


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
@pytest.mark.parametrize("sequences", [1, 2, 8])
@pytest.mark.parametrize("request_tokens", [10**9, 100, 10, 1])
def test_text_that_never_repeats_costs_at_most_three_per_cent(cost, sequences, request_tokens):
    assert relative_time(cost, lambda _: False, sequences=sequences, request_tokens=request_tokens) <= 1.03 + 1e-9


@given(
    st.lists(st.floats(0.001, 0.05), min_size=40, max_size=40),
    st.lists(st.booleans(), min_size=1, max_size=300),
    st.integers(1, 8),
)
def test_no_text_and_no_machine_costs_more_than_the_premium_and_one_probe(increments, right, sequences):
    totals = [0.02]
    for increment in increments:
        totals.append(totals[-1] + increment)

    def cost(tokens: int) -> float:
        return totals[min(tokens, len(totals) - 1)]

    policy = SpeculationPolicy(cost)
    share = cost(sequences) / sequences
    saved = 0.0
    for step in range(len(right)):
        count = policy.decide("a", batch_tokens=sequences, num_sequences=sequences)
        accepted = 0
        while accepted < count and right[(step + accepted) % len(right)]:
            accepted += 1
        policy.observe("a", count, accepted)
        saved += accepted * share - (cost(sequences + count) - cost(sequences))
    probe = cost(sequences + 2) - cost(sequences)
    assert saved >= -0.03 * len(right) * share - share - probe - 1e-9


@pytest.mark.parametrize("sequences", [1, 4, 8])
def test_text_that_repeats_is_worth_much_where_small_batches_are_cheap(sequences):
    assert relative_time(COSTS["small batches are cheap"], lambda _: True, sequences=sequences) < 0.25


def test_on_a_processor_a_single_stream_wins_and_a_full_batch_wins_less():
    times = [relative_time(COSTS["a processor"], lambda _: True, sequences=count) for count in (1, 4, 8)]
    assert times[0] < 0.35
    assert all(first < second < 1 for first, second in pairwise(times))


def test_where_every_token_costs_the_same_hardly_anything_is_drafted():
    policy = SpeculationPolicy(COSTS["every token costs the same"])
    counts = []
    for _ in range(1000):
        counts.append(policy.decide("a", batch_tokens=1, num_sequences=1))
        policy.observe("a", counts[-1], 0)
    assert 0 < sum(counts) <= 20


def test_costs_of_a_busy_moment_are_measured_again():
    known = {1: 0.02, 2: 0.2}

    def seconds(tokens: int) -> float:
        return known[min(tokens, 2)]

    policy = SpeculationPolicy(seconds)
    counts = []
    for _ in range(2000):
        counts.append(policy.decide("a", batch_tokens=1, num_sequences=1))
        if counts[-1]:  # a forward of that size is measured
            known[2] += 0.25 * (0.025 - known[2])
        policy.observe("a", counts[-1], counts[-1])
    assert counts[:100] == [0] * 100
    assert counts[-1] == MAX_DRAFT


def test_a_jump_in_the_cost_is_not_crossed():
    policy = SpeculationPolicy(COSTS["a step"])
    counts = []
    for _ in range(200):
        counts.append(policy.decide("a", batch_tokens=1, num_sequences=1))
        policy.observe("a", counts[-1], counts[-1])
    assert counts[-1] == MAX_DRAFT or counts[-1] == 3  # 16 for 0.1 s, or 3 for nothing: what gives most per second
    rates = {count: (count + 1) / COSTS["a step"](count + 1) for count in (3, MAX_DRAFT)}
    assert counts[-1] == max(rates, key=lambda count: rates[count])


def test_it_notices_when_a_text_begins_to_repeat_and_when_it_ends():
    chance = random.Random(0)
    cost = COSTS["a processor"]
    policy = SpeculationPolicy(cost)
    drafted = []
    for step in range(900):
        repeats = 300 <= step < 600
        count = policy.decide("a", batch_tokens=1, num_sequences=1)
        policy.observe("a", count, count if repeats else int(chance.random() < 0.05 and count > 0))
        drafted.append(count)
    assert sum(drafted[200:300]) < 30
    assert sum(drafted[400:600]) > 200 * 8
    assert sum(drafted[700:900]) < 60


def test_sequences_are_judged_apart():
    policy = SpeculationPolicy(COSTS["a processor"])
    for _ in range(60):
        for name, is_right in (("copies", True), ("invents", False)):
            count = policy.decide(name, batch_tokens=2, num_sequences=2)
            policy.observe(name, count, count if is_right else 0)
    assert policy.acceptance("copies") > 0.9
    assert policy.acceptance("invents") < 0.2
    policy.forget("copies")
    assert policy.acceptance("copies") is None


def test_there_is_no_more_than_there_is_room_for():
    policy = SpeculationPolicy(COSTS["small batches are cheap"])
    for room in (5, 1, 0, -3):
        for _ in range(50):
            count = policy.decide(str(room), batch_tokens=1, num_sequences=1, room=room)
            assert count <= max(room, 0)
            policy.observe(str(room), count, count)


def test_certain_tokens_are_taken_as_far_as_they_pay():
    assert SpeculationPolicy(COSTS["small batches are cheap"]).worthwhile(16, batch_tokens=1, num_sequences=1) == 16
    assert SpeculationPolicy(COSTS["small batches are cheap"]).worthwhile(5, batch_tokens=1, num_sequences=1) == 5
    assert SpeculationPolicy(COSTS["every token costs the same"]).worthwhile(16, batch_tokens=1, num_sequences=1) == 0
    assert SpeculationPolicy(COSTS["a processor"]).worthwhile(0, batch_tokens=1, num_sequences=1) == 0


def test_a_slow_draft_model_is_not_used():
    cheap, dear = (SpeculationPolicy(COSTS["small batches are cheap"]) for _ in range(2))
    cheap.learn_draft_cost(0.001)
    dear.learn_draft_cost(0.03)
    counts = {"cheap": 0, "dear": 0}
    for name, policy in (("cheap", cheap), ("dear", dear)):
        for _ in range(100):
            count = policy.decide("a", batch_tokens=1, num_sequences=1)
            policy.observe("a", count, count)
            counts[name] += count
    assert counts["cheap"] > 500
    assert counts["dear"] == 0
