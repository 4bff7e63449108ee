"""Random arrivals, cancels, forks, preemptions, failures, drafts, adapters and tiers: see fakes/engine_world.py."""

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from fakes.engine_world import ADAPTERS, LANES, MEMORIES, Size, World
from labkit.engine.core import scheduler

DISTURBANCES = ("interrupt", "lose", "fail", "poison", "broken", "wait")


class EngineMachine(RuleBasedStateMachine):
    @initialize(
        size=st.builds(
            Size,
            cells=st.sampled_from([64, 128]),
            max_running=st.integers(1, 4),
            cached=st.integers(0, 4),
            batch_tokens=st.sampled_from([8, 32, 128]),
            memory=st.sampled_from(MEMORIES),
            drafts=st.booleans(),
            tiers=st.booleans(),
            cache_bytes=st.sampled_from([None, 0, 500]),
            audit=st.sampled_from([0.0, 0.5]),
        )
    )
    def start(self, size):
        self.world = World(size)
        self.world.submit(own=5, max_tokens=3)

    @rule(
        family=st.integers(0, 2),
        shared=st.sampled_from([0, 3, 20, 40]),
        own=st.integers(1, 12),
        max_tokens=st.one_of(st.none(), st.integers(0, 30)),
        min_tokens=st.sampled_from([0, 0, 2]),
        stop_at=st.sampled_from([None, None, 1, 3]),
        prompt_logprobs=st.sampled_from([None, None, 0, 2]),
        adapters=st.sampled_from(ADAPTERS),
        tenant=st.sampled_from(["", "x"]),
        lane=st.sampled_from(LANES),
        reuse=st.booleans(),
        logprobs=st.sampled_from([None, 0]),
        copies=st.integers(1, 3),
    )
    def submit(self, **fields):
        self.world.submit(**fields)

    @rule(steps=st.integers(1, 6))
    def step(self, steps):
        self.world.step(steps)

    @rule(place=st.integers(0, 1000))
    def cancel(self, place):
        self.world.cancel(self._name(place))

    @rule(name=st.sampled_from("ab"))
    def toggle_adapter(self, name):
        self.world.toggle_adapter(name)

    @rule(place=st.integers(0, 1000), kind=st.sampled_from(DISTURBANCES))
    def disturb(self, place, kind):
        disturb(self.world, kind, self._name(place))

    def _name(self, place):
        names = sorted(self.world.sent)
        return names[place % len(names)]

    def teardown(self):
        if hasattr(self, "world"):
            self.world.settle()


EngineMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestEngine = EngineMachine.TestCase


def disturb(world, kind, name):
    if kind == "interrupt":
        world.backend.interrupt_next_forward = True
    elif kind == "lose":
        world.lose_a_window()
    elif kind == "fail":
        world.fail_a_forward()
    elif kind == "poison":
        world.poison(name)
    elif kind == "broken":
        world.submit(own=3, broken=True)
    else:
        world.now += 40.0


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("seed", range(12))
def test_dense_random_traffic(memory, seed, monkeypatch):
    rng = random.Random(f"{memory}{seed}")
    if seed % 2:  # admission that expects too little: answers outgrow the cells, and sequences are preempted
        monkeypatch.setattr(scheduler, "EXPECTED_TOKENS", 2)
    world = World(
        Size(
            cells=rng.choice([96, 160, 400]),
            max_running=rng.randint(2, 6),
            cached=rng.randint(0, 6),
            batch_tokens=rng.choice([8, 32, 128]),
            memory=memory,
            drafts=rng.random() < 0.5,
            tiers=rng.random() < 0.5,
            cache_bytes=rng.choice([None, None, 500]),
            audit=rng.choice([0.0, 0.3]),
        )
    )
    for _ in range(60):
        world.submit(
            family=rng.randint(0, 2),
            shared=rng.choice([0, 3, 20, 40, 60]),
            own=rng.randint(1, 12),
            copies=rng.choice([1, 1, 1, 2, 3]),
            max_tokens=rng.choice([None, 0, 0, *range(2, 30)]),
            stop_at=rng.choice([None, None, None, 1, 3, 8]),
            prompt_logprobs=rng.choice([None, None, None, 0, 2]),
            adapters=rng.choice(ADAPTERS) if rng.random() < 0.3 else (),
            tenant=rng.choice(["", "", "", "x"]),
            lane=rng.choice(LANES),
            reuse=rng.random() < 0.9,
            logprobs=rng.choice([None, None, 1]),
        )
        world.step(rng.choice([0, 0, 1, 2, 5, 15]))
        if rng.random() < 0.15:
            world.cancel(rng.choice(sorted(world.sent)))
        if rng.random() < 0.1:
            disturb(world, rng.choice(DISTURBANCES), rng.choice(sorted(world.sent)))
        if rng.random() < 0.1:
            world.toggle_adapter(rng.choice("ab"))
    world.settle()
