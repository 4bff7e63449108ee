"""Types of tensors, held against dry runs of llama.cpp's own quantization on the same shapes."""

import pytest

from labkit.engine.synthetic import SyntheticShape, plan_synthetic
from labkit.engine.synthetic.mixture import RECIPES, file_type
from labkit.errors import InputError

LLAMA_8B = SyntheticShape("llama-8b", "llama", 32, 4096, 14336, 32, 8, 128, 128256, tied_embeddings=False)


def types(quantization, shape=LLAMA_8B):
    return {plan.name: kind.name for plan, kind in plan_synthetic(shape, quantization).tensors}


def test_q4_k_m_gives_more_bits_to_sensitive_layers():
    found = types("Q4_K_M")
    down = [found[f"blk.{layer}.ffn_down.weight"] for layer in range(32)]
    assert down.count("Q6_K") == 16
    assert down[:4] == ["Q6_K"] * 4
    assert down[4:7] == ["Q4_K", "Q4_K", "Q6_K"]
    assert found["output.weight"] == "Q6_K"
    assert found["token_embd.weight"] == found["blk.0.attn_q.weight"] == "Q4_K"


def test_norms_stay_f32_at_every_quantization():
    for quantization in RECIPES:
        found = types(quantization)
        assert {kind for name, kind in found.items() if "norm" in name} == {"F32"}


def test_a_tied_embedding_is_stored_like_a_head():
    shape = SyntheticShape("tied", "qwen3", 2, 512, 1024, 8, 2, 64, 1024)
    assert types("Q4_K_M", shape)["token_embd.weight"] == "Q6_K"


def test_rows_that_256_does_not_divide_get_types_of_32():
    shape = SyntheticShape("odd", "qwen2", 24, 896, 4864, 14, 2, 64, 1024)
    found = types("Q4_K_M", shape)
    assert found["token_embd.weight"] == "Q8_0"
    assert found["blk.3.attn_q.weight"] == "Q5_0"
    assert found["blk.0.ffn_down.weight"] == "Q6_K"


def test_every_recipe_has_a_file_type_of_its_own():
    numbers = [file_type(quantization) for quantization in RECIPES]
    assert len(set(numbers)) == len(numbers) >= 30


def test_an_unknown_quantization_names_the_known_ones():
    with pytest.raises(InputError, match="Q4_Z") as caught:
        plan_synthetic(LLAMA_8B, "Q4_Z")
    assert "Q4_K_M" in caught.value.hint
