import math
import random

import pytest

from labkit.engine.core.threads import TRIAL_SHARE, ThreadController, ladder, phase_of


class Machine:
    """Forwards of a model on some cores, of which other programs hold some: a thread without a core stops all."""

    def __init__(self, cores=4, *, parallel=0.04, serial=0.002, barrier=0.0, collapse=20.0, noise=0.02):
        self.cores, self.parallel, self.serial, self.barrier = cores, parallel, serial, barrier
        self.collapse, self.noise = collapse, noise
        self.taken = 0
        self.work = 1.0
        self.elapsed = 0.0
        self._random = random.Random(1)

    def seconds(self, threads, num_tokens=1):
        tokens = num_tokens * self.work
        alone = (self.parallel / threads + self.serial) * tokens + self.barrier * (threads - 1)
        if threads > 1 and threads > self.cores - self.taken:
            alone *= self.collapse
        return alone

    def run(self, controller, steps, num_tokens=1):
        """Steps per second over these steps."""
        start = self.elapsed
        for _ in range(steps):
            seconds = self.seconds(controller.count_for(num_tokens), num_tokens)
            seconds *= self._random.uniform(1 - self.noise, 1 + self.noise)
            controller.observe(num_tokens, seconds)
            self.elapsed += seconds
        return steps / (self.elapsed - start)

    def best(self, num_tokens=1):
        return 1 / min(self.seconds(threads, num_tokens) for threads in range(1, self.cores + 1))


def controller(cores=4, single=1, large=1):
    return ThreadController(ladder(cores), single=single, large=large)


@pytest.mark.parametrize(
    ("most", "counts"), [(1, (1,)), (2, (1, 2)), (4, (1, 2, 3, 4)), (12, (1, 2, 3, 4, 6, 8, 11, 12))]
)
def test_the_counts_worth_trying(most, counts):
    assert ladder(most) == counts


def test_phases():
    assert [phase_of(count) for count in (1, 2, 16, 17, 2048)] == ["single", "small", "small", "large", "large"]


@pytest.mark.parametrize("start", [1, 2, 4])
@pytest.mark.parametrize("num_tokens", [1, 8, 512])
def test_a_quiet_machine_gets_all_that_pays(start, num_tokens):
    machine, chooser = Machine(), controller(single=start, large=start)
    machine.run(chooser, 1500, num_tokens)
    assert chooser.chosen(phase_of(num_tokens)) == 4
    assert machine.run(chooser, 3000, num_tokens) >= 0.95 * machine.best(num_tokens)


def test_trials_on_a_quiet_machine_cost_at_most_their_share():
    machine, chooser = Machine(noise=0), controller(single=4, large=4)
    rate = machine.run(chooser, 5000)
    assert rate >= (1 - TRIAL_SHARE) * machine.best()


def test_a_model_whose_barriers_cost_more_than_its_work_keeps_one_thread():
    machine, chooser = Machine(parallel=0.0002, serial=0.0001, barrier=0.0002), controller()
    rate = machine.run(chooser, 20_000)
    assert chooser.chosen("single") == 1
    assert rate >= 0.95 * machine.best()


@pytest.mark.parametrize("taken", [1, 2, 3])
@pytest.mark.parametrize("collapse", [5.0, 20.0, 200.0])
def test_a_core_that_is_taken_costs_a_few_slow_steps_and_no_more(taken, collapse):
    machine, chooser = Machine(collapse=collapse), controller(single=4, large=4)
    machine.run(chooser, 300)
    machine.taken = taken
    slow_steps = 0
    for _ in range(200):
        count = chooser.count_for(1)
        slow_steps += 1 < count > 4 - taken
        machine.run(chooser, 1)
    assert slow_steps <= 20
    machine.run(chooser, 3000)
    assert chooser.chosen("single") <= 4 - taken
    assert machine.run(chooser, 5000) >= 0.9 * machine.best()


@pytest.mark.parametrize("taken", [1, 2, 3])
def test_threads_that_share_a_core_fairly_are_no_collapse(taken):
    machine, chooser = Machine(collapse=2.0), controller(single=4, large=4)
    machine.run(chooser, 300)
    machine.taken = taken
    machine.run(chooser, 500)
    assert machine.run(chooser, 3000) >= 0.85 * machine.best()


def test_trials_on_a_busy_machine_cost_at_most_their_share():
    machine, chooser = Machine(collapse=100.0, noise=0), controller(single=4, large=4)
    machine.taken = 3
    machine.run(chooser, 100)
    assert machine.run(chooser, 20_000) >= (1 - 1.5 * TRIAL_SHARE) * machine.best()


def test_a_core_that_becomes_free_is_used_again():
    machine, chooser = Machine(), controller(single=4, large=4)
    machine.run(chooser, 300)
    machine.taken = 3
    machine.run(chooser, 500)
    assert chooser.chosen("single") == 1
    machine.taken = 0
    machine.run(chooser, 3000)
    assert chooser.chosen("single") == 4


def test_what_others_take_says_when_a_trial_is_worth_it():
    def steps_until_back(told):
        machine, chooser = Machine(2, collapse=100.0), controller(2, single=2, large=2)
        machine.run(chooser, 300)
        machine.taken = 1
        machine.run(chooser, 100)
        machine.taken = 0
        if told:
            chooser.note_others(0.1)
        for step in range(10_000):
            machine.run(chooser, 1)
            if chooser.chosen("single") == 2:
                return step
        return math.inf

    assert steps_until_back(told=True) < 0.3 * steps_until_back(told=False) < math.inf


def test_alternating_load_never_does_worse_than_half_of_one_thread():
    machine, chooser = Machine(collapse=30.0), controller(single=4, large=4)
    start, steps = machine.elapsed, 0
    for turn in range(40):
        machine.taken = turn % 2
        machine.run(chooser, 250)
        steps += 250
    assert steps / (machine.elapsed - start) > 0.5 / machine.seconds(1)


def test_a_longer_context_changes_nothing():
    machine, chooser = Machine(noise=0.01), controller(single=4, large=4)
    machine.run(chooser, 500)
    for work in (1.0, 1.7, 2.6, 5.0, 1.0):  # sequences of very different lengths, one after the other
        machine.work = work
        machine.run(chooser, 400)
    assert chooser.chosen("single") == 4


def test_one_hiccup_changes_nothing():
    machine, chooser = Machine(noise=0), controller(single=4, large=4)
    machine.run(chooser, 20)
    chooser.observe(1, 3.0)
    assert chooser.count_for(1) == 4
    machine.run(chooser, 5)
    assert chooser.count_for(1) == 4


def test_phases_have_their_own_counts():
    machine, chooser = Machine(noise=0), controller(single=4, large=4)
    tiny = Machine(parallel=0.0002, serial=0.0001, barrier=0.0002)
    for _ in range(500):
        machine.run(chooser, 1, 512)
        tiny.run(chooser, 8)
    assert chooser.chosen("large") == 4
    assert chooser.chosen("single") == 1


def test_equal_histories_give_equal_choices():
    def choices():
        machine, chooser = Machine(), controller(single=2, large=4)
        found = []
        for turn in range(300):
            machine.taken = turn // 100
            machine.run(chooser, 5, (1, 8, 512)[turn % 3])
            found.append(chooser.count_for(1))
        return found

    assert choices() == choices()


@pytest.mark.parametrize("counts", [(), (2, 1), (1, 1), (0, 1)])
def test_counts_must_rise(counts):
    with pytest.raises(ValueError, match="rise"):
        ThreadController(counts, single=1, large=1)
