from collections.abc import Sequence

import numpy as np
import pytest

from labkit.engine.native.context import NativeContext
from labkit.engine.native.draft import CATCH_UP_TOKENS, DraftModel
from labkit.engine.native.model import NativeModel
from labkit.errors import ModelLoadError
from labkit.resources import embedded_model

PROMPT = "<|im_start|>user\nWhat is labkit?<|im_end|>\n<|im_start|>assistant\n"
OTHERS = [PROMPT.replace("What is labkit?", text) for text in ("Tell me a story about a dog.", "What can you do?")]


@pytest.fixture(scope="module")
def model():
    model = NativeModel(embedded_model())
    yield model
    model.close()


@pytest.fixture
def draft(model):
    draft = DraftModel(embedded_model(), model, context_tokens=1024, num_slots=2)
    yield draft
    draft.close()


@pytest.fixture
def context(model):
    context = NativeContext(model, context_tokens=1024, num_threads=1)
    yield context
    context.close()


def greedy(context: NativeContext, tokens: Sequence[int], count: int) -> list[int]:
    """The model's own continuation, one token per forward."""
    context.clear()
    context.forward_tokens(tokens, 0)
    answer = [int(np.argmax(context.logits(len(tokens) - 1)))]
    while len(answer) < count:
        context.forward_token(answer[-1], len(tokens) + len(answer) - 1)
        answer.append(int(np.argmax(context.logits(0))))
    return answer


def test_a_model_is_always_right_about_itself_and_computes_each_token_once(model, draft, context):
    prompt = model.tokenize(PROMPT)
    answer = greedy(context, prompt, 25)
    tokens = list(prompt)
    while len(tokens) + 5 <= len(prompt) + len(answer):
        proposed = draft.propose("a", tokens, 4)
        done = len(tokens) - len(prompt)
        assert list(proposed) == answer[done : done + 4]
        tokens += answer[done : done + 5]
    # Four proposals per step: the last of them, and the token after it, are computed by the next step.
    assert draft.computed_tokens == len(prompt) + 4 * 5 + 3


def test_rejected_tokens_are_taken_back(model, draft, context):
    prompt = model.tokenize(PROMPT)
    other = [*prompt, *model.tokenize("a tiny")]
    draft.propose("a", prompt, 8)
    assert list(draft.propose("a", other, 6)) == greedy(context, other, 6)
    assert list(draft.propose("a", prompt, 6)) == greedy(context, prompt, 6)


def test_sequences_do_not_disturb_each_other_also_when_slots_change_hands(model, draft, context):
    prompts = [model.tokenize(text) for text in (PROMPT, *OTHERS)]
    for _ in range(2):
        for number, prompt in enumerate(prompts):
            assert list(draft.propose(str(number), prompt, 4)) == greedy(context, prompt, 4)
    draft.forget("2")
    draft.forget("unknown")
    assert list(draft.propose("2", prompts[2], 4)) == greedy(context, prompts[2], 4)


def test_the_least_recently_used_sequence_makes_room_in_the_cache(model, draft, context):
    long = model.tokenize(PROMPT) * 100
    first, second = long[:600], long[1:601]
    for _ in range(2):
        for name, tokens in (("first", first), ("second", second)):
            calls = [draft.propose(name, tokens, 4) for _ in range(2)]
            assert calls[0] == ()  # 600 tokens are more than one call computes
            assert list(calls[1]) == greedy(context, tokens, 4)


def test_a_long_prompt_is_caught_up_with_in_parts(model, draft):
    tokens = (model.tokenize(PROMPT) * 100)[: CATCH_UP_TOKENS + 5]
    assert draft.propose("a", tokens, 2) == ()
    assert draft.computed_tokens == CATCH_UP_TOKENS
    assert len(draft.propose("a", tokens, 2)) == 2
    assert draft.computed_tokens == len(tokens) + 1


def test_nothing_is_proposed_beyond_the_context(model, draft):
    tokens = (model.tokenize(PROMPT) * 100)[:1023]
    draft.propose("a", tokens, 8)
    assert len(draft.propose("a", tokens, 8)) == 1
    assert draft.propose("a", [*tokens, 5], 8) == ()
    assert draft.propose("a", [], 8) == ()


def test_another_vocabulary_is_refused(model, tmp_path):
    raw = embedded_model().read_bytes()
    changed = raw.replace(b"<|im_start|>", b"<|xx_start|>")
    assert changed != raw
    path = tmp_path / "other.gguf"
    path.write_bytes(changed)
    with pytest.raises(ModelLoadError, match="xx_start") as error:
        DraftModel(path, model, context_tokens=64)
    assert "same family" in error.value.hint
