"""What does not fit is refused with figures and a context that would; what cannot be judged is let through."""

from dataclasses import replace

import pytest

from labkit.catalog import architecture, load_catalog
from labkit.errors import InsufficientMemoryError
from labkit.estimate import ContextSettings, Device, Machine, MemoryEstimate, require_memory, weights_of_catalog
from labkit.units import GIB

MODEL = load_catalog().get("llama-3.1-8b-instruct")


def require(gib, tokens, model=MODEL, devices=()):
    machine = Machine(None if gib is None else int(gib * GIB), devices=devices)
    weights = weights_of_catalog(model, "Q4_K_M")
    return require_memory("llama", architecture(model), weights, machine, ContextSettings(tokens, 8, unified=True))


def test_what_fits_comes_back_with_its_parts():
    found = require(8, 8192)
    assert found.cache_bytes == GIB
    assert found.low < found.high < 8 * GIB


def test_what_does_not_fit_names_a_context_that_does():
    with pytest.raises(InsufficientMemoryError) as caught:
        require(8, 65536)
    assert "llama needs 13." in caught.value.message
    assert "65,536 tokens of context, 8.0 GiB are free" in caught.value.message
    assert caught.value.hint == "a smaller context fits: labkit serve llama --ctx 16384"
    assert require(8, 16384)


def test_what_never_fits_names_no_context():
    with pytest.raises(InsufficientMemoryError) as caught:
        require(2, 8192)
    assert "--ctx" not in caught.value.hint
    assert "labkit recommend" in caught.value.hint


def test_a_card_of_its_own_adds_memory_and_a_unified_one_does_not():
    assert require(4, 8192, devices=(Device("Card", "nvidia", 8 * GIB),))
    with pytest.raises(InsufficientMemoryError):
        require(4, 8192, devices=(Device("Chip", "apple", 4 * GIB, unified=True),))


def test_what_is_not_known_is_let_through():
    assert require(None, 8192).high > 5 * GIB
    shapeless = replace(MODEL, shape=replace(MODEL.shape, hidden_size=None))
    assert require(1, 8192, model=shapeless) is None


def test_what_the_native_core_says_is_taken_for_what_formulas_say():
    sized = MemoryEstimate((100, 100), 50, 25, 10)
    weights = weights_of_catalog(MODEL, "Q4_K_M")
    machine = Machine(GIB)
    context = ContextSettings(8192)
    assert require_memory("llama", architecture(MODEL), weights, machine, context, memory=sized) == sized
