import threading

import numpy as np
import pytest

from labkit.engine.native import interrupt
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.synthetic import write_tiny
from labkit.errors import ForwardError, ForwardInterruptedError

TOKENS = np.random.default_rng(0).integers(3, 500, 6000).tolist()


@pytest.fixture(scope="module", params=["dense", "sliding", "hybrid"])
def model(request, tmp_path_factory):
    model = NativeModel(write_tiny(request.param, tmp_path_factory.mktemp("tiny") / "model.gguf"))
    yield model
    model.close()


@pytest.fixture
def context(model):
    context = NativeContext(model, context_tokens=8192, num_slots=3, batch_tokens=6144, ubatch_tokens=64, num_threads=1)
    yield context
    context.close()


def interrupt_soon(context):
    """A thread that interrupts as soon as a forward runs."""

    def work():
        while not done.wait(0.002):
            if context._is_running:
                context.interrupt()

    done = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    return done, thread


def test_a_long_forward_ends_early_and_the_context_goes_on(context):
    """After the abort the bookkeeping says what llama.cpp kept, and whoever goes on from there is not disturbed."""
    context.forward_tokens(TOKENS[:8], 0, 1)
    context.forward_tokens(TOKENS[:8], 0, 0)
    done, thread = interrupt_soon(context)
    with pytest.raises(ForwardInterruptedError, match="interrupted"):
        context.forward_tokens(TOKENS[8:], 8, 0)
    done.set()
    thread.join()
    kept = context.cells.counts[0]
    assert kept < len(TOKENS)
    assert context.cells.counts[1] == 8
    if context.cells.can_rewind:
        assert kept >= 8
    with pytest.raises(ForwardError, match="no logits"):
        context.logits(0)
    for start in range(kept, kept + 192, 64):
        context.forward_tokens(TOKENS[start : start + 64], start, 0)
    resumed = context.logits(63).copy()
    for start in range(0, kept + 192, 64):
        context.forward_tokens(TOKENS[start : min(start + 64, kept + 192)], start, 2)
    last = (kept + 192 - 1) % 64
    # Another cut into micro-batches rounds differently; other cells would give other logits altogether.
    assert np.corrcoef(context.logits(last), resumed)[0, 1] > 0.99


def test_a_running_forward_shows_its_nodes(context):
    if not context.interrupts.counts:
        pytest.skip("this system's C library has no function that counts")
    seen = set()

    def watch():
        while not done.is_set():
            if context._is_running:
                seen.add(context.num_nodes)

    done = threading.Event()
    thread = threading.Thread(target=watch)
    thread.start()
    context.forward_tokens(TOKENS[:1024], 0)
    done.set()
    thread.join()
    assert len(seen) > 2
    assert max(seen) <= context.num_nodes


def test_where_nothing_counts_a_forward_is_still_interrupted(model, monkeypatch):
    monkeypatch.setattr(interrupt, "_can_count", lambda library: False)
    context = NativeContext(model, context_tokens=8192, num_slots=3, batch_tokens=6144, ubatch_tokens=64)
    assert context.num_nodes is None
    done, thread = interrupt_soon(context)
    with pytest.raises(ForwardInterruptedError):
        context.forward_tokens(TOKENS, 0)
    done.set()
    thread.join()
    context.forward_tokens(TOKENS[:8], 0, 1)
    context.close()


def test_an_interrupt_without_a_forward_is_harmless(context):
    context.interrupt()
    context.forward_tokens(TOKENS[:300], 0)
    assert context.cells.counts[0] == 300


def test_a_batch_that_finds_no_cells_changes_nothing(model):
    context = NativeContext(model, context_tokens=256, num_slots=2, batch_tokens=256, ubatch_tokens=64)
    context.forward_tokens(TOKENS[:8], 0, 1)
    context.forward_tokens(TOKENS[:200], 0, 0)
    with pytest.raises(ForwardError, match="no free KV cells"):
        context.forward_tokens(TOKENS[:100], 200, 0)
    assert context.cells.counts == [200, 8]
    context.free_cells(0)
    context.forward_tokens(TOKENS[8:16], 8, 1)
    context.close()
