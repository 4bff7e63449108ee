"""The quantization is chosen by what it loses, what it was trained for, and what memory and disk hold."""

from dataclasses import replace

import pytest

from labkit.catalog import CatalogFile, load_catalog
from labkit.estimate import Device, Machine
from labkit.recommend import Wish, rank
from labkit.recommend.choice import candidates, choose, options, pinned_file
from labkit.recommend.projector import find_projector
from labkit.units import GIB

CATALOG = load_catalog()
GB = 1000**3
ODD = Machine(32 * GIB, 50 * GB, "measured", 8, (Device("Card", "intel", 11 * GIB, 456 * GB),))  # of no known speed


def machine(gib, rate=50, vram=None):
    devices = (Device("Card", "nvidia", int(vram * GIB), 500 * GB),) if vram else ()
    return Machine(int(gib * GIB), rate * GB, "measured", 8, devices)


def chosen(model_id, where, wish=None):
    wish = wish or Wish(least_tokens_per_second=0)
    good, _ = options(CATALOG.get(model_id), where, wish)
    return choose(good, where, wish)


@pytest.mark.parametrize(("model_id", "quantization"), [("gpt-oss-20b", "MXFP4"), ("gemma-4-e4b-it", "Q4_0")])
def test_the_quantization_it_was_trained_for_goes_first(model_id, quantization):
    assert candidates(CATALOG.get(model_id))[0][0] == quantization
    assert chosen(model_id, machine(64)).quantization == quantization


def test_the_makers_own_file_is_pinned():
    assert pinned_file(CATALOG.get("gemma-4-31b-it"), "Q4_0").repo == "google/gemma-4-31B-it-qat-q4_0-gguf"
    assert pinned_file(CATALOG.get("qwen3-8b"), "Q6_K") is None


def test_eight_bits_where_memory_and_speed_are_plenty():
    wish = Wish()
    plenty, scarce = machine(256, vram=80), machine(64, vram=24)
    assert chosen("glm-4.7-flash", plenty, wish).quantization == "Q8_0"
    assert chosen("glm-4.7-flash", scarce, wish).quantization == "Q4_K_M"


def test_a_model_in_two_memories_is_not_made_larger_than_needed():
    assert chosen("qwen3.8-27b", machine(64, vram=12)).quantization == "Q4_K_M"


def test_what_holds_the_context_goes_before_what_does_not():
    small = machine(10.5)
    wish = Wish(context_tokens=32768, least_tokens_per_second=0)
    good, _ = options(CATALOG.get("llama-3.1-8b-instruct"), small, wish)
    assert {option.holds_context for option in good} == {True, False}
    assert choose(good, small, wish).holds_context


def test_below_four_bits_only_for_want_of_memory():
    eight = replace(CATALOG, models=(CATALOG.get("llama-3.1-8b-instruct"),))
    wish = Wish(context_tokens=4096, least_tokens_per_second=0)
    row = rank(machine(5.1), eight, wish).recommendations[0]
    assert row.quantization in ("IQ4_XS", "Q3_K_M")
    assert any("below 4 bits" in reason for reason in row.reasons)
    slow = rank(machine(5.1, rate=10), eight, replace(wish, least_tokens_per_second=30))
    assert slow.recommendations == ()


def test_a_smaller_model_at_four_bits_goes_before_a_larger_one_below():
    both = replace(CATALOG, models=(CATALOG.get("llama-3.1-8b-instruct"), CATALOG.get("llama-3.2-3b-instruct")))
    rows = rank(machine(5.1), both, Wish(context_tokens=4096, least_tokens_per_second=0)).recommendations
    assert [(row.model_id, row.quantization) for row in rows] == [("llama-3.2-3b-instruct", "Q4_K_M")]


def test_the_disk_bounds_the_download_but_not_what_is_here():
    model = CATALOG.get("qwen3-8b")
    wish = Wish(least_tokens_per_second=0, disk_bytes=GIB)
    good, bad = options(model, machine(64), wish)
    assert good == []
    assert {refusal.kind for refusal in bad} == {"disk"}
    name = pinned_file(model, "Q4_K_M").file.casefold()
    good, _ = options(model, machine(64), replace(wish, present=frozenset({name})))
    assert [option.quantization for option in good] == ["Q4_K_M"]


def test_a_projector_adds_its_memory_and_its_download():
    model, wish = CATALOG.get("qwen3.5-9b"), Wish("vision", least_tokens_per_second=0)
    seeing = chosen("qwen3.5-9b", machine(64), wish)
    blind = chosen("qwen3.5-9b", machine(64))
    extra = find_projector(model).size_bytes[1]
    assert 0 < extra < 3 * GIB
    assert seeing.placement.memory.high == blind.placement.memory.high + extra
    assert seeing.download_bytes == blind.download_bytes + extra
    assert seeing.weights.bytes_per_token == blind.weights.bytes_per_token


def test_the_lightest_projector_of_the_most_trusted_uploader_is_taken():
    assert find_projector(CATALOG.get("qwen3.6-35b-a3b")).file.quantization == "BF16"
    assert find_projector(CATALOG.get("qwen3-8b")) is None
    exact = CatalogFile("a/b", "mmproj.gguf", "0" * 64, "s", role="projector", quantization="F16", bytes=123)
    assert find_projector(replace(CATALOG.get("qwen3-8b"), files=(exact,))).size_bytes == (123, 123)
    unknown = replace(exact, bytes=None)
    found = find_projector(replace(CATALOG.get("qwen3-14b"), num_text_parameters=None, files=(unknown,)))
    assert (found.size_bytes, found.source) == ((0, 0), "")


def test_an_embedding_model_must_read_fast_enough():
    good, bad = options(CATALOG.get("qwen3-embedding-8b"), machine(64, rate=10), Wish("embedding", 2048))
    assert good == []
    assert "reads about" in bad[0].reason
    good, _ = options(CATALOG.get("qwen3-embedding-0.6b"), machine(64), Wish("embedding", 2048))
    assert good[0].placement.speed is None


def test_what_cannot_be_fast_enough_is_refused_where_the_card_has_no_known_speed():
    good, bad = options(CATALOG.get("gemma-4-31b-it"), ODD, Wish())
    assert good == []
    assert "at the very most" in bad[0].reason
    assert bad[0].kind == "speed"


def test_of_unknown_speeds_the_one_with_less_in_system_memory_is_taken():
    wish = Wish()
    good, _ = options(CATALOG.get("qwen3.6-35b-a3b"), ODD, wish)
    assert len(good) > 1
    assert {option.placement.fit for option in good} == {"experts in RAM"}
    chosen = choose(good, ODD, wish)
    assert chosen.placement.most_speed == max(option.placement.most_speed for option in good)
