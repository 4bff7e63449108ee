"""Cache sizes from catalogue rows, against sizes that llama.cpp itself reported for the same models."""

import pytest

from labkit.catalog import Attention, Shape, architecture, load_catalog
from labkit.catalog.architecture import layer_memory
from labkit.model import LayerMemory

CATALOG = load_catalog()


def layers(model_id):
    found = architecture(CATALOG.get(model_id)).layers
    assert found is not None
    return found


def count(found):
    return {layer: found.count(layer) for layer in found}


def test_plain_attention():
    assert count(layers("llama-3.1-8b-instruct")) == {LayerMemory(1024, 1024): 32}


def test_sliding_window_with_other_global_heads_and_shared_layers():
    assert count(layers("gemma-4-e4b-it")) == {
        LayerMemory(512, 512, 512): 20, LayerMemory(1024, 1024): 4, LayerMemory(): 18,
    }  # fmt: skip
    assert layers("gpt-oss-20b")[:2] == (LayerMemory(512, 512, 128), LayerMemory(512, 512))


def test_gated_delta_net():
    state = 3 * (6144 + 2 * 16 * 128) + 128 * 6144
    assert count(layers("qwen3.6-27b")) == {LayerMemory(state_size=state): 48, LayerMemory(1024, 1024): 16}


def test_mamba_with_layers_that_remember_nothing():
    found = count(layers("nvidia-nemotron-3-nano-30b-a3b-bf16"))
    assert found[LayerMemory(256, 256)] == 6
    assert found[LayerMemory()] == 23
    assert sum(found.values()) == 52


def test_compressed_attention_and_short_convolution():
    assert count(layers("glm-4.7-flash")) == {LayerMemory(576): 47}
    assert count(layers("lfm2.5-1.2b-instruct")) == {LayerMemory(state_size=4096): 10, LayerMemory(512, 512): 6}


def test_a_global_layer_may_come_first():
    found, _ = layer_memory(
        Shape(num_layers=4, num_kv_heads=1, head_dim=8),
        Attention("sliding", 16, global_every=4, global_first=True),
    )
    assert [layer.window_tokens for layer in found] == [None, 16, 16, 16]


@pytest.mark.parametrize("model", CATALOG.models, ids=lambda model: model.id)
def test_every_row_gives_layers_or_a_reason(model):
    found = architecture(model)
    if found.layers is None:
        assert found.layers_unknown
    else:
        assert len(found.layers) == found.num_layers
        assert not found.layers_unknown


def test_most_rows_are_known():
    known = [model for model in CATALOG.models if architecture(model).layers is not None]
    assert len(known) >= 69
