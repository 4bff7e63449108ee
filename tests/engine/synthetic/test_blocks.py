"""Random blocks, read back with the `gguf` package's dequantization."""

import numpy as np
import pytest

import gguf
from labkit.engine.synthetic.blocks import LAYOUTS, plain_values, random_blocks
from labkit.engine.synthetic.mixture import RECIPES, SMALL_BLOCK, TYPES
from labkit.errors import InputError

KINDS = sorted({"F32", "F16", "BF16", "MXFP4", "IQ1_M", *LAYOUTS})


def weights(name, deviation, *, num_blocks=2000, seed=0):
    number, kind = TYPES[name]
    count = num_blocks if kind.block_size > 1 else 100_000
    blocks = random_blocks(kind, count, deviation, np.random.default_rng(seed))
    assert blocks.shape == (count, kind.block_bytes)
    if name == "F32":
        return blocks.view(np.float32).ravel()
    return gguf.quants.dequantize(blocks.reshape(-1), gguf.GGMLQuantizationType(number)).ravel()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("deviation", [0.003, 0.03])
def test_weights_are_finite_centred_and_spread_as_asked(name, deviation):
    found = weights(name, deviation)
    assert np.isfinite(found).all()
    assert abs(found.mean()) < 0.05 * deviation
    assert 0.85 * deviation < found.std() < 1.15 * deviation
    assert np.abs(found).max() < 6 * deviation


def test_every_type_that_a_recipe_may_choose_can_be_made():
    chosen = {recipe.base for recipe in RECIPES.values()} | set(SMALL_BLOCK) | set(SMALL_BLOCK.values())
    assert chosen <= set(KINDS)


def test_the_same_seed_gives_the_same_blocks():
    kind = TYPES["Q4_K"][1]
    first, again, other = (random_blocks(kind, 50, 0.02, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_a_type_without_a_layout_is_refused():
    with pytest.raises(InputError, match="NVFP4"):
        random_blocks(TYPES["NVFP4"][1], 1, 0.1, np.random.default_rng(0))


def test_plain_values_keep_their_sign():
    decays = plain_values(-2.0, 1.0, 10_000, np.random.default_rng(0))
    assert decays.max() < 0
    assert abs(decays.std() - 1.0) < 0.05
