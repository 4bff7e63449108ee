import numpy as np
import pytest

from labkit.engine.native.context import NativeContext
from labkit.errors import ForwardError, ModelLoadError


@pytest.fixture
def context(backend):
    context = NativeContext(backend.model, context_tokens=256, num_slots=2, batch_tokens=64, num_threads=1)
    yield context
    context.close()


def test_logits_do_not_depend_on_how_a_prompt_is_cut(context, backend):
    tokens = backend.model.tokenize("one two three four five six seven eight")
    context.forward_tokens(tokens, 0)
    whole = context.logits(len(tokens) - 1).copy()
    context.clear()
    for start in range(0, len(tokens), 3):
        part = tokens[start : start + 3]
        context.forward_tokens(part, start)
    assert np.abs(context.logits(len(part) - 1) - whole).max() < 0.05


def test_sequences_in_one_batch_do_not_see_each_other(context, backend):
    ours, other = backend.model.tokenize("alpha beta gamma"), backend.model.tokenize("9 8 7 6 5")
    context.forward_tokens(ours, 0)
    alone = context.logits(len(ours) - 1).copy()
    context.clear()
    context.batch.clear()
    context.batch.add(other, 0, 1, wants_logits=True)
    context.batch.add(ours, 0, 0, wants_logits=True)
    context.forward()
    together = context.logits(len(other) + len(ours) - 1)
    assert np.abs(together - alone).max() < 0.05
    assert together.argmax() == alone.argmax()


def test_a_batch_over_its_size_is_refused_before_llama_cpp_aborts(context):
    with pytest.raises(ForwardError, match="do not fit a batch of 64"):
        context.forward_tokens([1] * 65, 0)


def test_a_token_out_of_range_is_an_error_and_the_context_lives(context):
    with pytest.raises(ForwardError, match="invalid batch"):
        context.forward_tokens([10**6], 0)
    context.forward_tokens([1, 2], 0)


def test_no_free_cells_is_an_error(context):
    for start in range(0, 256, 64):
        context.forward_tokens([1] * 64, start)
    with pytest.raises(ForwardError, match="no free KV cells"):
        context.forward_tokens([1], 256)
    assert context.free_cells(0)
    context.forward_tokens([1], 0)


def test_logits_nobody_asked_for(context):
    context.forward_tokens([1, 2], 0)
    with pytest.raises(ForwardError, match="no logits"):
        context.logits(0)


def test_a_closed_context_says_so(backend):
    context = NativeContext(backend.model, context_tokens=256)
    context.close()
    context.close()
    with pytest.raises(ForwardError, match="closed"):
        context.forward_tokens([1], 0)


def test_a_context_nobody_has_the_memory_for(backend):
    with pytest.raises(ModelLoadError, match="no memory for a context"):
        NativeContext(backend.model, context_tokens=2**32 - 1)
