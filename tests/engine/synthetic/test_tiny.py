"""Tiny models of every kind: valid, loadable, finite, not stuck on one token."""

import numpy as np
import pytest

from labkit.chat import ChatTemplate
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.synthetic import TINY, write_tiny
from labkit.gguf import architecture, file_facts, validate

KINDS = list(TINY)
TEXT = "The quick brown fox jumps over 13 lazy dogs."


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    return {kind: write_tiny(kind, folder / f"{kind}.gguf") for kind in KINDS}


@pytest.fixture(params=KINDS)
def model(files, request):
    native = NativeModel(files[request.param])
    yield native
    native.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_passes_the_validator_and_states_what_each_layer_remembers(files, kind):
    shape = architecture(validate(files[kind]))
    assert shape.layers is not None
    windows = [layer for layer in shape.layers if layer.window_tokens]
    recurrent = [layer for layer in shape.layers if layer.state_size]
    assert bool(windows) == (kind == "sliding")
    assert bool(recurrent) == (kind in {"hybrid", "delta_net", "shortconv", "recurrent"})
    assert bool(shape.experts) == (kind == "moe")
    assert files[kind].stat().st_size < 10_000_000


def greedy(model, count):
    context = NativeContext(model, context_tokens=256, batch_tokens=256, ubatch_tokens=256, num_threads=1)
    try:
        tokens = model.tokenize(TEXT)
        context.forward_tokens(np.array(tokens, np.int32), 0)
        logits = [context.logits(len(tokens) - 1).copy()]
        for step in range(count):
            context.forward_token(int(logits[-1].argmax()), len(tokens) + step)
            logits.append(context.logits(0).copy())
    finally:
        context.close()
    return np.array(logits)


def test_logits_are_finite_and_greedy_text_moves_on(model):
    logits = greedy(model, 40)
    assert np.isfinite(logits).all()
    assert 1.0 < logits.std() < 4.0
    tokens = logits.argmax(axis=1).tolist()
    assert len(set(tokens)) >= 8
    assert not any(model.is_end(token) for token in tokens)


def test_text_goes_through_the_tokenizer_unchanged(model):
    for text in (TEXT, "naïve café\n\t漢字 🙂", "<|im_start|>"):
        tokens = model.tokenize(text, parse_special=False)
        assert b"".join(model.piece(token) for token in tokens).decode() == text
    assert len(model.tokenize(TEXT)) < 0.8 * len(TEXT)
    assert len(model.tokenize("<|im_start|>")) == 1


def test_the_template_is_chatml(files):
    facts = file_facts(validate(files["dense"]))
    assert facts.has_chat_template
    native = NativeModel(files["dense"])
    try:
        template = ChatTemplate(native.chat_template or "")
        assert template.render(({"role": "user", "content": "hi"},)).endswith("<|im_start|>assistant\n")
    finally:
        native.close()


def test_sizes_can_be_changed(tmp_path):
    path = write_tiny("dense", tmp_path / "two.gguf", num_layers=2, vocab_size=300)
    shape = architecture(validate(path))
    assert (shape.num_layers, shape.vocab_size) == (2, 300)
