"""Cells on real memories of each kind: what can be shared, dropped and saved, and that it is still the right text."""

import numpy as np
import pytest

from labkit.engine.native.backend import NativeBackend
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.synthetic import write_tiny
from labkit.engine.types import EngineConfig
from labkit.errors import ForwardError
from labkit.resources import embedded_model

TOKENS = [5, 60, 70, 8, 9, 10, 11, 12]
KINDS = {"dense": "full", "moe": "full", "sliding": "window", "hybrid": "recurrent", "recurrent": "recurrent"}


@pytest.fixture(scope="module", params=KINDS)
def model(request, tmp_path_factory):
    model = NativeModel(write_tiny(request.param, tmp_path_factory.mktemp("tiny") / f"{request.param}.gguf"))
    assert model.memory_kind == KINDS[request.param]
    yield model
    model.close()


@pytest.fixture
def context(model):
    context = NativeContext(model, context_tokens=512, num_slots=4, batch_tokens=256, num_threads=1)
    yield context
    context.close()


def cold(context, tokens, slot=3):
    """Logits after `tokens`, computed from nothing."""
    context.free_cells(slot)
    context.forward_tokens(tokens, 0, slot)
    logits = context.logits(len(tokens) - 1).copy()
    context.free_cells(slot)
    return logits


def test_a_whole_sequence_is_copied_and_both_go_on_alone(context):
    context.forward_tokens(TOKENS, 0, 0)
    context.copy_cells(0, 1, len(TOKENS))
    assert context.cells.counts == [8, 8, 0, 0]
    context.forward_tokens([20], 8, 0)
    context.forward_tokens([30], 8, 1)
    copied = context.logits(0).copy()
    context.forward_tokens([21], 9, 0)
    first = context.logits(0).copy()
    assert np.abs(copied - cold(context, [*TOKENS, 30])).max() < 0.1
    assert np.abs(first - cold(context, [*TOKENS, 20, 21])).max() < 0.1
    context.free_cells(0)
    context.forward_tokens([31], 9, 1)
    assert np.abs(context.logits(0) - cold(context, [*TOKENS, 30, 31])).max() < 0.1


def test_a_beginning_is_copied_where_the_model_can(context):
    context.forward_tokens(TOKENS, 0, 0)
    if not context.cells.forks_anywhere:
        with pytest.raises(ForwardError, match="whole sequences only"):
            context.copy_cells(0, 1, 5)
        return
    context.copy_cells(0, 1, 5)
    context.forward_tokens([30], 5, 1)
    assert np.abs(context.logits(0) - cold(context, [*TOKENS[:5], 30])).max() < 0.1


def test_the_end_is_dropped_where_the_model_can(context):
    context.forward_tokens(TOKENS, 0, 0)
    assert context.free_cells(0, 6) == context.cells.can_rewind
    if not context.cells.can_rewind:
        assert context.cells.counts[0] == 0
        return
    context.forward_tokens([30], 6, 0)
    assert np.abs(context.logits(0) - cold(context, [*TOKENS[:6], 30])).max() < 0.1


def test_a_window_that_has_moved_on_is_not_returned_to(tmp_path):
    model = NativeModel(write_tiny("sliding", tmp_path / "sliding.gguf"))
    # One slot and small micro-batches: 256 cells for windows of 64, so that old ones are taken again.
    context = NativeContext(model, context_tokens=1024, batch_tokens=64, ubatch_tokens=64, num_threads=1)
    tokens = np.random.default_rng(0).integers(3, 500, 600).tolist()

    def compute(end):
        for start in range(0, end, 60):
            context.forward_tokens(tokens[start : min(start + 60, end)], start)

    compute(600)
    assert context.free_cells(0, 595)
    context.forward_tokens([30], 595)
    rewound = context.logits(0).copy()
    assert not context.free_cells(0, 100)
    assert context.cells.counts == [0]
    compute(595)
    context.forward_tokens([30], 595)
    difference = np.abs(context.logits(0) - rewound).max()
    context.close()
    model.close()
    assert difference < 0.1


def test_a_state_comes_back_in_another_slot_and_context(model, context):
    context.forward_tokens(TOKENS, 0, 0)
    state = context.save_cells(0)
    other = NativeContext(model, context_tokens=512, num_slots=4, batch_tokens=256, num_threads=1)
    assert other.load_cells(2, state)
    other.forward_tokens([30], 8, 2)
    loaded = other.logits(0).copy()
    other.close()
    assert np.abs(loaded - cold(context, [*TOKENS, 30])).max() < 0.1


def test_a_state_that_does_not_fit_leaves_the_slot_empty(context):
    context.forward_tokens(TOKENS, 0, 0)
    state = context.save_cells(0)
    for damaged in (b"", b"x" * 8, state[: len(state) // 2], state + b"x", b"\0" * len(state)):
        assert not context.load_cells(1, damaged)
        assert context.cells.counts[1] == 0
    assert np.abs(cold(context, TOKENS) - cold(context, TOKENS)).max() == 0


def test_a_state_larger_than_the_free_cells(context, model):
    small = NativeContext(model, context_tokens=256, num_slots=2, batch_tokens=256, num_threads=1)
    context.forward_tokens([7] * 200, 0, 0)
    context.forward_tokens([7] * 200, 200, 0)
    state = context.save_cells(0)
    fits = small.load_cells(0, state)
    counts = small.cells.counts
    small.close()
    assert fits == (model.metadata("general.architecture") == "mamba")
    assert counts == ([400, 0] if fits else [0, 0])


def test_the_slots_of_an_interrupted_forward_hold_what_the_bookkeeping_says(context):
    """After an abort llama.cpp keeps the micro-batches before it; a recurrent state is lost."""
    context.forward_tokens(TOKENS, 0, 0)
    context.cells.recover([(0, 0, 8)])
    assert context.cells.counts[0] == (8 if context.cells.can_rewind else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_cell_bytes_are_what_a_saved_state_grows_by(kind, tmp_path):
    path = embedded_model() if kind == "dense" else write_tiny(kind, tmp_path / "model.gguf")
    backend = NativeBackend(path, EngineConfig(context_tokens=512, num_slots=1, cached_slots=0, num_threads=1))
    backend.prepare()
    sizes = []
    for position in range(2):
        backend.context.forward_tokens([5], position)
        sizes.append(len(backend.save_cells(0)))
    # Positions and sequence ids are saved too: 12 bytes for each memory that keeps cells, window and full apart.
    memories = {"full": 1, "window": 2, "recurrent": 1 if kind == "hybrid" else 0}[KINDS[kind]]
    cell_bytes = backend.cell_bytes
    backend.release()
    assert sizes[1] - sizes[0] == cell_bytes + 12 * memories
