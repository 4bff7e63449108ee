"""Every kept answer of the native core: cache exact, compute buffer never over the bound."""

import pytest

import estimator_live
from labkit.engine.synthetic import plan_synthetic, write_sparse
from labkit.estimate import cache_bytes, compute_bytes
from labkit.gguf import file_facts, read_header

KEPT = estimator_live.load_kept()


def test_enough_was_kept():
    assert len(KEPT) >= 30
    assert sum(map(len, KEPT.values())) > 3500


@pytest.mark.parametrize("name", KEPT)
def test_formulas_hold_for_every_kept_row(name, tmp_path):
    shape = estimator_live.SHAPES[name]
    path = write_sparse(plan_synthetic(shape, "Q8_0"), tmp_path / "model.gguf")
    architecture = file_facts(read_header(path)).architecture
    for context, (cache, compute) in KEPT[name]:
        assert cache_bytes(architecture.layers, context) == cache, context
        assert compute_bytes(architecture, context) >= compute, context
