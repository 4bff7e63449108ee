"""Every catalogue model that can be imitated has the size that llama.cpp's own dry runs and publishers state."""

import json
from pathlib import Path

import pytest

from labkit.bench.synthetic_shapes import synthetic_shape, with_reference_models
from labkit.catalog import CatalogModel, architecture, load_catalog
from labkit.engine.synthetic import plan_synthetic
from labkit.errors import InputError
from labkit.estimate import weights_of_catalog
from labkit.units import MIB

DRY_RUNS = json.loads((Path(__file__).parents[1] / "data" / "quantized_sizes.json").read_text())["sizes"]
CATALOG = with_reference_models(load_catalog())
ROUNDING_BYTES = 5243  # dry runs print MiB with two decimals


def can_be_imitated(model):
    try:
        synthetic_shape(model)
    except InputError:
        return False
    return True


IMITATED = [model for model in CATALOG.models if can_be_imitated(model)]
COUNTED = [model for model in IMITATED if model.num_text_parameters]


def test_most_families_of_the_catalogue_can_be_imitated():
    families = {model.family for model in IMITATED}
    assert len(IMITATED) >= 45
    assert families >= {"llama3.2", "qwen2.5", "qwen3", "gemma3", "gpt-oss", "qwen3.5", "granite4.0", "lfm2.5"}


@pytest.mark.parametrize("model", IMITATED, ids=lambda model: model.id)
def test_the_number_of_parameters_is_the_published_one(model):
    shape = synthetic_shape(model)
    counted = plan_synthetic(shape, "F16").num_parameters - (shape.head_dim // 2 if shape.rope_factors else 0)
    if model.num_text_parameters:
        assert counted == model.num_text_parameters


@pytest.mark.parametrize("model", [model for model in IMITATED if model.predicted_bytes], ids=lambda model: model.id)
def test_tensor_bytes_are_those_of_the_dry_runs(model):
    shape = synthetic_shape(model)
    for quantization, predicted in model.predicted_bytes.items():
        assert abs(plan_synthetic(shape, quantization).weight_bytes - predicted) <= ROUNDING_BYTES, quantization


@pytest.mark.parametrize(
    "model", [model for model in IMITATED if model.num_text_parameters], ids=lambda model: model.id
)
@pytest.mark.parametrize("quantization", ["Q4_K_M", "Q8_0"])
def test_the_estimator_agrees_within_one_percent(model, quantization):
    predicted = weights_of_catalog(model, quantization)
    assert predicted is not None
    low, high = predicted.size_bytes
    assert 0.99 * low <= plan_synthetic(synthetic_shape(model), quantization).weight_bytes <= 1.01 * high


@pytest.mark.parametrize("model", IMITATED, ids=lambda model: model.id)
def test_the_kind_of_memory_is_that_of_the_catalogue(model):
    shape, layers = synthetic_shape(model), architecture(model).layers or ()
    attending = [shape.attends(layer) for layer in range(shape.num_layers)]
    borrowed = shape.gemma4.shared_kv_layers if shape.gemma4 else 0
    assert sum(attending) - borrowed == sum(layer.key_size > 0 for layer in layers)
    assert bool(shape.window_tokens) == any(layer.window_tokens for layer in layers)


@pytest.mark.parametrize("model_id", DRY_RUNS)
def test_every_mixture_has_the_size_that_a_dry_run_printed(model_id):
    shape = synthetic_shape(CATALOG.get(model_id))
    for quantization, mib in DRY_RUNS[model_id].items():
        assert plan_synthetic(shape, quantization).weight_bytes / MIB == pytest.approx(mib, abs=0.0051), quantization


def test_the_dry_runs_cover_most_mixtures():
    assert sum(map(len, DRY_RUNS.values())) >= 400
    assert len({quantization for sizes in DRY_RUNS.values() for quantization in sizes}) >= 30


def test_missing_facts_are_named():
    model = CatalogModel("bare", "qwen3", "mit", ())
    with pytest.raises(InputError, match="number of layers and hidden size"):
        synthetic_shape(model)


def test_an_encoder_is_refused_with_the_families_that_work():
    with pytest.raises(InputError, match="no rule") as caught:
        synthetic_shape(CATALOG.get("bge-m3"))
    assert "qwen3" in caught.value.hint
