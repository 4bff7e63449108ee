"""Look-up and saved prefixes on a real model."""

import numpy as np
import pytest

from labkit.engine.drafting import PromptLookup
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.tiers import Identity, PrefixTiers, model_digest
from labkit.resources import embedded_model

DRAFT = 16
QUESTION = "Repeat: gorban, lupet, simola, tenfar, gorban, lupet, Anna, London, miraf, dosel, hupak, Berlin"


@pytest.fixture(scope="module")
def model():
    model = NativeModel(embedded_model())
    yield model
    model.close()


@pytest.fixture
def context(model):
    context = NativeContext(model, context_tokens=1024, num_slots=2, num_threads=1, max_logits=DRAFT + 1)
    yield context
    context.close()


@pytest.fixture
def prompt(model):
    return model.tokenize(f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n")


def best(context: NativeContext, row: int) -> int:
    return int(np.argmax(context.logits(row)))


def generate(context: NativeContext, model: NativeModel, prompt: list[int], max_draft: int) -> tuple[list[int], int]:
    """Greedy answer with drafts by look-up, and the forwards that it took."""
    context.clear()
    context.forward_tokens(prompt, 0)
    answer = [best(context, len(prompt) - 1)]
    lookup = PromptLookup([*prompt, *answer])
    forwards = 1
    while not model.is_end(answer[-1]) and len(answer) < 100:
        draft = lookup.propose(max_draft)
        start = len(prompt) + len(answer) - 1
        context.batch.clear()
        context.batch.add([answer[-1], *draft], start, 0, wants_logits=True, num_logits=len(draft) + 1)
        context.forward()
        forwards += 1
        new = [best(context, 0)]
        while len(new) <= len(draft) and new[-1] == draft[len(new) - 1]:
            new.append(best(context, len(new)))
        context.free_cells(0, start + len(new))
        answer += new
        lookup.extend(new)
    return answer, forwards


def test_an_answer_that_copies_takes_half_the_forwards_and_is_the_same(context, model, prompt):
    plain, plain_forwards = generate(context, model, prompt, 0)
    drafted, forwards = generate(context, model, prompt, DRAFT)
    end = next(index for index, token in enumerate(drafted) if model.is_end(token)) + 1
    assert drafted[:end] == plain
    assert plain_forwards == len(plain)
    assert len(plain) >= 2 * forwards


@pytest.mark.parametrize("used", [1.0, 0.6])
def test_a_state_from_disk_continues_as_if_it_had_been_computed(context, model, prompt, tmp_path, used):
    keep = int(used * len(prompt)) - 1
    identity = Identity(model_digest(embedded_model()), "test")
    context.forward_tokens(prompt, 0)
    tiers = PrefixTiers(host_bytes=0, disk_bytes=1 << 24, folder=tmp_path)
    tiers.save(identity, prompt, context.cells.save(0))
    tiers.close()
    again = PrefixTiers(host_bytes=0, disk_bytes=1 << 24, folder=tmp_path)
    rest = [70, 71, 72]
    context.free_cells(0, keep)
    context.forward_tokens(rest, keep)
    expected = context.logits(len(rest) - 1).copy()
    context.clear()
    stored = again.find(identity, [*prompt[:keep], 999, 998])
    assert stored is not None
    assert (stored.num_tokens, stored.stored_tokens, stored.tier) == (keep, len(prompt), "disk")
    state = again.load(stored)
    assert state is not None
    assert context.cells.load(0, state)
    context.free_cells(0, stored.num_tokens)
    context.forward_tokens(rest, keep)
    assert np.allclose(context.logits(len(rest) - 1), expected, atol=1e-3)
    again.close()
