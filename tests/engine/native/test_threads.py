import pytest

from labkit.engine.native.context import NativeContext
from labkit.engine.native.threads import _fastest, measure_best_threads, usable_cores


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        ({1: 4.0, 2: 3.0, 4: 1.9, 8: 1.0}, 8),  # a quiet machine and a large model
        ({1: 4.0, 2: 1.9, 4: 1.0, 8: 9.0}, 4),  # something else runs on one core
        ({1: 0.1, 2: 0.2}, 1),  # a tiny model: the pathological counts are not even tried
        ({1: 1.00, 2: 0.99}, 1),  # within the noise the smaller count stays
        ({1: 1.0, 2: 0.6, 3: 0.5}, 3),
    ],
)
def test_the_count_is_doubled_while_that_pays(seconds, best):
    cores = 8 if 3 not in seconds else 3
    assert _fastest(cores, seconds.__getitem__) == best


def test_it_is_measured_on_the_context_and_leaves_it_empty(backend):
    context = NativeContext(backend.model, context_tokens=256, num_slots=1, num_threads=usable_cores())
    decode, prefill = measure_best_threads(context, usable_cores())
    assert 1 <= decode <= usable_cores()
    assert 1 <= prefill <= usable_cores()
    assert context.num_threads == decode
    for start in range(0, 256, 64):
        context.forward_tokens([1] * 64, start)  # raises when a cell were still taken
    context.close()
