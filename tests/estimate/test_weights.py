"""Weights: exact from a file; from the catalogue a range that holds the sizes which are published."""

import pytest

from fakes import gguf_writer as writer
from labkit.catalog import load_catalog
from labkit.estimate import weights_of_catalog, weights_of_file
from labkit.gguf import file_facts, read_header

CATALOG = load_catalog()
PUBLISHED = [
    (model, size)
    for model in CATALOG.models
    for size in model.sizes
    if not size.with_projector and not size.quantization.endswith("_XL")
]


def test_a_file_is_exact(tmp_path):
    facts = file_facts(read_header(writer.write_tiny_llama(tmp_path / "a.gguf")))
    weights = weights_of_file(facts)
    assert weights.size_bytes == (facts.weight_bytes, facts.weight_bytes)
    assert weights.bytes_per_token[0] == facts.weight_bytes - weights.host_bytes
    assert weights.host_bytes == 64 * 263 * 4
    assert weights.source == "exact from file"


def test_there_are_published_sizes_to_hold_against():
    assert len(PUBLISHED) > 20


@pytest.mark.parametrize(("model", "size"), PUBLISHED, ids=lambda item: getattr(item, "id", item))
def test_predictions_from_shapes_hold_published_sizes(model, size):
    predicted = model.predicted_bytes.get(size.quantization)
    if predicted is None:
        weights = weights_of_catalog(model, size.quantization)
        assert weights.source == "published size"
        assert weights.size_bytes[0] <= size.bytes <= weights.size_bytes[1]
    elif model.family != "gpt-oss":  # its published files are native MXFP4, which no recipe of the dry runs makes
        assert predicted == pytest.approx(size.bytes, rel=0.06)


def test_bits_per_weight_are_chosen_by_kind_of_shape():
    small = weights_of_catalog(CATALOG.get("llama-3.2-1b-instruct"), "Q4_K_M")
    large = weights_of_catalog(CATALOG.get("llama-3.3-70b-instruct"), "Q4_K_M")
    assert small.source == large.source == "bits per weight"
    assert small.size_bytes[0] * 8 / 1_235_814_400 == pytest.approx(4.98, abs=0.01)
    assert large.size_bytes[0] * 8 / 70_553_706_496 == pytest.approx(4.84, abs=0.01)


def test_rows_that_no_block_divides_cost_more():
    weights = weights_of_catalog(CATALOG.get("gemma-3-1b-it"), "Q4_K_M")
    assert weights.size_bytes[0] <= 806 * 1000**2 <= weights.size_bytes[1]  # the size of the public file


def test_per_layer_embeddings_stay_in_system_memory():
    weights = weights_of_catalog(CATALOG.get("gemma-4-e4b-it"), "Q4_K_M")
    assert weights.host_bytes == pytest.approx(2205 * 2**20, rel=0.01)
    assert weights.bytes_per_token[0] == pytest.approx((5041.55 - 2205) * 2**20, rel=0.01)


def test_a_mixture_reads_its_active_part():
    weights = weights_of_catalog(CATALOG.get("qwen3-30b-a3b"), "Q4_K_M")
    assert weights.bytes_per_token[1] < weights.size_bytes[0] * 0.13
    assert 0.9 * weights.size_bytes[0] < weights.expert_bytes < weights.size_bytes[0]


def test_unknown_sizes_and_quantizations_give_none():
    assert weights_of_catalog(CATALOG.get("ministral-3-3b-instruct-2512"), "Q6_K") is None
    assert weights_of_catalog(CATALOG.get("qwen3-8b"), "Q9_Z") is None
