"""A small model of every architecture with a rule: llama.cpp takes the file whole and gives sane numbers."""

from dataclasses import replace

import numpy as np
import pytest

from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.synthetic import (
    TINY,
    ExpertShape,
    Gemma4Shape,
    MlaShape,
    RecurrentShape,
    SyntheticShape,
    plan_synthetic,
    write_synthetic,
)
from labkit.engine.synthetic.layers import LAYERS
from labkit.gguf import validate

DENSE = SyntheticShape("small", "llama", 4, 256, 512, 4, 2, 64, 600)
EXPERTS = ExpertShape(8, 2, 256)
SHARED = ExpertShape(8, 2, 256, shared_ffn_size=256)
DELTA = RecurrentShape(4, (3,), 256, 64, 2, 4)
PLAIN = ("granite", "mistral3", "phi3", "qwen2", "qwen3", "smollm3")
SHAPES = {
    "llama": replace(DENSE, rope_factors=True, tied_embeddings=False),
    **{name: replace(DENSE, architecture=name) for name in PLAIN},
    "deepseek2": replace(
        DENSE, architecture="deepseek2", num_kv_heads=1, head_dim=80, experts=replace(SHARED, leading_dense_layers=1),
        mla=MlaShape(query_rank=256, rank=64, rope_size=16, key_size=64, value_size=64),
    ),
    "gemma3": TINY["sliding"],
    "gemma4": replace(
        DENSE, architecture="gemma4", num_layers=6, window_tokens=64, global_every=3,
        gemma4=Gemma4Shape(128, 1, shared_kv_layers=3, per_layer_embedding_size=32, wide_borrowers=True),
    ),
    "gemma4-experts": replace(
        DENSE, architecture="gemma4", window_tokens=64, global_every=2, experts=EXPERTS, gemma4=Gemma4Shape(128, 1)
    ),
    "gpt-oss": replace(
        DENSE, architecture="gpt-oss", window_tokens=64, global_every=2, experts=EXPERTS, tied_embeddings=False
    ),
    "qwen3moe": TINY["moe"],
    "qwen35": TINY["delta_net"],
    "qwen35moe": replace(DENSE, architecture="qwen35moe", rope_dim=16, experts=SHARED, recurrent=DELTA),
    "qwen3next": replace(DENSE, architecture="qwen3next", rope_dim=16, experts=SHARED, recurrent=DELTA),
    "granitehybrid": TINY["hybrid"],
    "granitehybrid-experts": replace(
        DENSE, architecture="granitehybrid", ffn_size=256, experts=SHARED,
        recurrent=RecurrentShape(4, (1, 3), 512, 64, 1, 8),
    ),
    "lfm2": TINY["shortconv"],
    "lfm2moe": replace(
        DENSE, architecture="lfm2moe", experts=replace(EXPERTS, leading_dense_layers=2),
        recurrent=RecurrentShape(3, (1, 3)),
    ),
    "mamba": TINY["recurrent"],
    "mamba2": replace(
        TINY["recurrent"], architecture="mamba2", recurrent=RecurrentShape(4, (), 512, 64, 1, 8)
    ),
}  # fmt: skip


def test_every_architecture_with_a_rule_is_tried():
    assert {shape.architecture for shape in SHAPES.values()} == set(LAYERS)


@pytest.mark.parametrize("quantization", ["Q4_K_M", "MXFP4"])
@pytest.mark.parametrize("name", SHAPES)
def test_llama_cpp_loads_the_file_whole_and_the_numbers_are_sane(name, quantization, tmp_path):
    plan = plan_synthetic(SHAPES[name], quantization)
    path = write_synthetic(plan, tmp_path / "model.gguf")
    validate(path)
    model = NativeModel(path)
    try:
        assert model.num_parameters == plan.num_parameters
        assert model.weight_bytes == plan.weight_bytes
        context = NativeContext(model, context_tokens=256, batch_tokens=128, ubatch_tokens=128, num_threads=1)
        try:
            context.forward_tokens(np.arange(100, dtype=np.int32) * 5, 0)
            logits = context.logits(99)
            assert np.isfinite(logits).all()
            assert 1.0 < logits.std() < 4.0
        finally:
            context.close()
    finally:
        model.close()
