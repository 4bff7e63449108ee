import logging
import subprocess
import sys
import time

import pytest

from labkit.engine.core.threads import ladder
from labkit.engine.native.context import NativeContext
from labkit.engine.native.threads import (
    AdaptiveThreads,
    OtherPrograms,
    _fastest,
    measure_best_threads,
    usable_cores,
)


@pytest.fixture
def context(backend):
    context = NativeContext(backend.model, context_tokens=256, num_slots=1, num_threads=usable_cores())
    yield context
    context.close()


def fill(context, position):
    context.batch.clear()
    context.batch.add([1], position, 0, wants_logits=True)


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        ({1: 4.0, 2: 3.0, 4: 1.9, 8: 1.0}, 8),  # a quiet machine and a large model
        ({1: 4.0, 2: 1.9, 4: 1.0, 8: 9.0}, 4),  # something else runs on one core
        ({1: 0.1, 2: 0.2}, 1),  # a tiny model: the pathological counts are not even tried
        ({1: 1.00, 2: 0.99}, 1),  # within the noise the smaller count stays
        ({1: 1.0, 2: 0.6, 3: 0.5, 4: 3.0}, 3),
    ],
)
def test_the_count_climbs_while_that_pays(seconds, best):
    assert _fastest(tuple(seconds), seconds.__getitem__) == best


def test_it_is_measured_on_the_context_and_leaves_it_empty(context):
    decode, prefill = measure_best_threads(context, ladder(usable_cores()))
    assert 1 <= decode <= usable_cores()
    assert 1 <= prefill <= usable_cores()
    assert (context.num_threads, context.num_threads_batch) == (decode, prefill)
    for start in range(0, 256, 64):
        context.forward_tokens([1] * 64, start)  # raises when a cell were still taken


def test_without_prepare_the_count_of_the_user_stays(context):
    context.set_threads(2, 3)
    threads = AdaptiveThreads(context, 4)
    for position in range(20):
        fill(context, position)
        threads.forward(1)
    assert (context.num_threads, context.num_threads_batch) == threads.chosen == (2, 3)


class _Clock:
    """Stands still until told how long forwards take: `seconds` for each thread in use."""

    def __init__(self, context):
        self.context, self.seconds, self.now, self.is_end = context, {}, 0.0, False

    def __call__(self):
        if self.is_end:
            self.now += self.seconds.get(self.context.num_threads, 0.01)
        self.is_end = not self.is_end
        return self.now


def test_a_forward_that_gets_slow_is_given_fewer_threads_and_the_log_says_so(context, caplog):
    clock = _Clock(context)
    threads = AdaptiveThreads(context, 2, clock=clock)
    threads.prepare()
    clock.is_end = False  # from here on calls come in pairs: before and after a forward
    caplog.set_level(logging.INFO, logger="labkit.engine")

    def run(steps):
        for _ in range(steps):
            context.clear()
            fill(context, 0)
            threads.forward(1)

    clock.seconds = {1: 0.02, 2: 0.01}
    run(400)
    assert threads.chosen[0] == 2
    clock.seconds = {1: 0.02, 2: 1.0}
    run(6)
    assert threads.chosen[0] == 1
    assert "threads: 1 for one token" in caplog.messages[-1]


def test_what_other_programs_take():
    others = OtherPrograms()
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.5)
        beside = others.busy_cores()
    finally:
        child.kill()
        child.wait()
    assert beside > 0.2  # of a whole core: the child may have to share


def test_what_this_process_takes_is_not_counted_as_others():
    idle, busy = OtherPrograms(), OtherPrograms()
    time.sleep(0.3)
    without = idle.busy_cores()
    busy.busy_cores()
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        pass
    assert busy.busy_cores() < without + 0.9
