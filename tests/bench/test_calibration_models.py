import pytest

from labkit.bench.calibration_models import (
    ESSENTIAL_TYPES,
    FURTHER_TYPES,
    LEAST_FAT_BYTES,
    MOST_FAT_BYTES,
    THIN_MODELS,
    THIN_TYPE,
    fat_bytes,
    fat_plan,
    prompt_parameters,
    uniform_plan,
)
from labkit.engine.native.model import NativeModel
from labkit.engine.synthetic import write_synthetic
from labkit.units import MIB


@pytest.mark.parametrize("name", [*ESSENTIAL_TYPES, *FURTHER_TYPES])
def test_fat_models_are_of_one_type_and_large_enough(name):
    plan = fat_plan(name, 96 * MIB)
    assert 96 * MIB <= plan.weight_bytes < 2 * 96 * MIB + 100 * MIB
    matrices = {kind.name for row, kind in plan.tensors if len(row.dimensions) > 1}
    assert matrices == {name}
    assert 0 < prompt_parameters(plan) < plan.num_parameters


def test_they_are_larger_than_the_cache_and_not_too_large():
    assert fat_bytes(None) == LEAST_FAT_BYTES
    assert fat_bytes(64 * MIB) == 192 * MIB
    assert fat_bytes(1024 * MIB) == MOST_FAT_BYTES
    assert fat_bytes(None, accelerator=True) > MOST_FAT_BYTES


@pytest.mark.parametrize("name", THIN_MODELS)
def test_thin_models_load_and_weigh_next_to_nothing(name, tmp_path):
    plan = uniform_plan(THIN_MODELS[name].shape, THIN_TYPE)
    model = NativeModel(write_synthetic(plan, tmp_path / "thin.gguf"), gpu_layers=0)
    try:
        assert model.weight_bytes == plan.weight_bytes < LEAST_FAT_BYTES
        assert (THIN_MODELS[name].recurrent_layers > 0) == (model.memory_kind == "recurrent")
    finally:
        model.close()
