"""What files of a quantization are usually made of, against llama.cpp's rules for every tensor of real shapes."""

import pytest

from labkit.bench.synthetic_shapes import synthetic_shape
from labkit.catalog import load_catalog
from labkit.engine.synthetic import plan_synthetic
from labkit.engine.synthetic.container import tensor_bytes
from labkit.engine.synthetic.mixture import RECIPES
from labkit.estimate import weights_of_catalog
from labkit.estimate.mixtures import head_type, layer_types

MODELS = {model.id: model for model in load_catalog().models}
IDS = (
    "qwen3-0.6b", "qwen3-8b", "llama-3.1-8b-instruct", "llama-3.2-1b-instruct", "smollm2-135m-instruct",
    "gemma-3-1b-it", "qwen3-30b-a3b-instruct-2507", "lfm2.5-1.2b-instruct", "granite-4.0-h-micro",
)  # fmt: skip


def planned(model, quantization):
    """Bytes that a token reads, by type, from every tensor's own."""
    shape, found = synthetic_shape(model), {}
    for row, kind in plan_synthetic(shape, quantization).tensors:
        if row.name == "per_layer_token_embd.weight" or (row.name == "token_embd.weight" and not shape.tied_embeddings):
            continue
        used = shape.experts.num_used / shape.experts.num_experts if "_exps." in row.name else 1.0
        found[kind.name] = found.get(kind.name, 0.0) + used * tensor_bytes(row.dimensions, kind)
    return found


def distance(one, other):
    """Share of the bytes that have another type: 0 to 1."""
    totals = sum(one.values()), sum(other.values())
    names = {*one, *other}
    return sum(abs(one.get(name, 0) / totals[0] - other.get(name, 0) / totals[1]) for name in names) / 2


@pytest.mark.parametrize("quantization", ["Q4_K_M", "Q8_0", "Q5_K_M", "Q6_K", "Q4_0", "F16", "IQ4_XS", "Q3_K_M"])
@pytest.mark.parametrize("name", [name for name in IDS if name in MODELS])
def test_the_types_of_a_catalogue_model_are_nearly_those_of_its_file(name, quantization):
    weights = weights_of_catalog(MODELS[name], quantization)
    if weights is None:
        pytest.skip("the catalogue knows no size of it")
    assert distance(weights.types_per_token, planned(MODELS[name], quantization)) < 0.2


def test_gpt_oss_keeps_its_experts_in_mxfp4():
    weights = weights_of_catalog(MODELS["gpt-oss-20b"], "MXFP4")
    assert set(weights.expert_types_per_token) == {"MXFP4"}
    assert distance(weights.types_per_token, planned(MODELS["gpt-oss-20b"], "MXFP4")) < 0.2


@pytest.mark.parametrize("quantization", sorted(RECIPES))
@pytest.mark.parametrize("hidden", [None, 2048, 896])
def test_shares_add_up_for_every_quantization(quantization, hidden):
    assert sum(layer_types(quantization, hidden).values()) == pytest.approx(1.0)
    assert head_type(quantization, hidden)
