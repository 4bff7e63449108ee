"""Cache and compute buffer against llama.cpp's own accounting, over every recorded row."""

import importlib.util
import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from labkit.estimate import ContextSettings, cache_bytes, compute_bytes, missing_facts
from labkit.estimate.memory import cache_bytes_by_layer
from labkit.model import LayerMemory, ModelArchitecture
from labkit.units import MIB

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "estimator_golden.py"


def _load_rows():
    spec = importlib.util.spec_from_file_location("estimator_golden", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load_rows()


ROWS = _load_rows()


def test_the_recorded_rows_are_there():
    assert len(ROWS) == 148
    assert len({row.model for row in ROWS}) == 14


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.model}-{row.context.context_tokens}")
def test_the_cache_is_exact_and_the_compute_buffer_bounded(row):
    assert row.cache_error_mib == pytest.approx(0, abs=0.006)  # the file states MiB with two decimals
    assert row.compute_slack >= 0


def test_the_bound_is_not_bought_with_waste():
    slacks = [row.compute_slack for row in ROWS]
    assert statistics.median(slacks) < 0.15
    assert max(slacks) < 0.65


FULL = LayerMemory(1024, 1024)
SLIDING = LayerMemory(1024, 1024, window_tokens=1024)


@pytest.mark.parametrize(
    ("layers", "context", "expected_mib"),
    [
        # By hand: gemma-4-E4B at 32k, Qwen3.6-27B at 32k.
        ((LayerMemory(1024, 1024),) * 4 + (LayerMemory(512, 512, 512),) * 20, ContextSettings(32768), 552),
        ((FULL,) * 16 + (LayerMemory(state_size=3 * 10240 + 128 * 6144),) * 48, ContextSettings(32768), 2197.625),
        # A context is rounded up to 256 cells; sequences share it or divide it.
        ((FULL,), ContextSettings(1), 1),
        ((FULL,), ContextSettings(257), 2),
        ((FULL,), ContextSettings(1024, num_sequences=4), 4),
        ((FULL,), ContextSettings(1024, num_sequences=4, unified=True), 4),
        ((SLIDING,), ContextSettings(8192), 6),
        ((SLIDING,), ContextSettings(8192, num_sequences=4, unified=True), 18),
        ((SLIDING,), ContextSettings(8192, full_window_cache=True), 32),
        # State is kept for each sequence, and never quantized.
        ((LayerMemory(state_size=MIB),), ContextSettings(8192, num_sequences=3, kv_type="q8_0"), 12),
        ((FULL,), ContextSettings(1024, kv_type="q8_0"), 2.125),
        # Without flash attention V stays f16.
        ((FULL,), ContextSettings(1024, kv_type="q8_0", flash_attention=False), 3.0625),
    ],
)
def test_cache_sizes_by_hand(layers, context, expected_mib):
    assert cache_bytes(layers, context) == expected_mib * MIB


SHAPE = ModelArchitecture(
    "llama", num_layers=1, hidden_size=64, num_heads=4, head_dim=16, ffn_size=128, vocab_size=100, layers=(FULL,)
)


@pytest.mark.parametrize("missing", ["hidden_size", "num_heads", "head_dim", "vocab_size", "layers"])
def test_an_unknown_shape_gives_none(missing):
    context = ContextSettings(1024)
    assert compute_bytes(SHAPE, context)
    unknown = replace(SHAPE, **{missing: None})
    assert compute_bytes(unknown, context) is None
    assert missing_facts(unknown)
    assert not missing_facts(SHAPE)


def test_fewer_outputs_need_a_smaller_buffer():
    big = replace(SHAPE, vocab_size=150_000)
    assert compute_bytes(big, ContextSettings(1024, num_outputs=1)) < compute_bytes(big, ContextSettings(1024))


def test_a_recurrent_model_needs_no_heads_to_be_estimated():
    shape = ModelArchitecture(
        "mamba2", num_layers=2, hidden_size=2560, vocab_size=50288, layers=(LayerMemory(state_size=671744),) * 2
    )
    assert missing_facts(shape) == ""
    assert compute_bytes(shape, ContextSettings(4096)) > 113 * MIB  # what llama.cpp says of 64 such layers
    assert "attention heads" in missing_facts(replace(shape, layers=(LayerMemory(),)))


def test_values_may_be_stored_in_another_type_than_keys():
    layers = (LayerMemory(256, 256),)
    same = cache_bytes(layers, ContextSettings(4096, kv_type="q8_0"))
    mixed = cache_bytes(layers, ContextSettings(4096, kv_type="q8_0", value_type="f16"))
    assert mixed - same == 4096 * 256 * (2 - 34 / 32)
    assert ContextSettings(4096, kv_type="q8_0", flash_attention=False).values_as == "f16"


def test_layers_lie_with_their_cache():
    layers = (LayerMemory(256, 256), LayerMemory(), LayerMemory(state_size=10))
    context = ContextSettings(4096, num_sequences=2, unified=True)
    found = cache_bytes_by_layer(layers, context)
    assert found == (4096 * 512 * 2, 0, 80)
    assert sum(found) == cache_bytes(layers, context)
