"""Where models go: on the accelerator if they fit, then with less cache or context, never over the budget."""

from dataclasses import replace

import pytest

from labkit.catalog import architecture, load_catalog
from labkit.estimate import ContextSettings, Device, Machine, estimate_memory, place, weights_of_catalog
from labkit.units import GIB

CATALOG = load_catalog()
GB = 1000**3
CONTEXT = ContextSettings(8192)


def put(model_id, machine, context=CONTEXT, quantization="Q4_K_M"):
    model = CATALOG.get(model_id)
    return place(architecture(model), weights_of_catalog(model, quantization), machine, context)


def cpu(gib, rate=30 * GB):
    return Machine(int(gib * GIB), rate, "measured", 8)


def gpu(gib, ram_gib=32, **changes):
    card = Device("Card", "nvidia", int(gib * GIB), 400 * GB, **changes)
    return replace(cpu(ram_gib), devices=(card,))


def test_whole_on_the_processor():
    found = put("llama-3.1-8b-instruct", cpu(8))
    assert (found.fit, found.device) == ("fits", "CPU")
    assert 5.5 * GIB < found.memory.low < found.memory.high < 7 * GIB
    assert found.speed.low < found.speed.high


def test_whole_on_the_card_leaves_the_embedding_behind():
    found = put("llama-3.1-8b-instruct", gpu(12))
    assert (found.fit, found.device) == ("fits", "Card")
    assert found.memory.weight_bytes[0] < put("llama-3.1-8b-instruct", cpu(8)).memory.weight_bytes[0]
    assert found.speed.low > 20


@pytest.mark.parametrize("gib", [4, 5, 6, 6.5, 7, 8, 9, 10, 12, 16, 24])
@pytest.mark.parametrize("model_id", ["llama-3.1-8b-instruct", "gpt-oss-20b", "qwen3-30b-a3b", "gemma-4-e4b-it"])
def test_nothing_is_placed_over_its_budget(model_id, gib):
    for machine in (cpu(gib), gpu(gib, 16)):
        found = put(model_id, machine, ContextSettings(32768))
        if found.fit not in ("no", "split"):
            assert found.memory.required <= found.budget_bytes
        if found.fit == "split":
            assert found.ram_bytes < machine.ram_budget_bytes


def test_less_memory_takes_a_smaller_cache_then_less_context_then_nothing():
    order = ["fits", "fits with q8_0 cache", "fits at less context", "no"]
    kinds = [put("llama-3.1-8b-instruct", cpu(gib / 4), ContextSettings(32768)).fit for gib in range(48, 16, -1)]
    assert sorted(set(kinds), key=kinds.index) == order
    assert [order.index(kind) for kind in kinds] == sorted(order.index(kind) for kind in kinds)


def test_less_context_says_how_much():
    found = put("llama-3.1-8b-instruct", cpu(6.75), ContextSettings(65536))
    assert found.fit == "fits at less context"
    assert 4096 <= found.context.context_tokens < 65536
    assert found.reason


def test_experts_go_to_system_memory_before_layers_do():
    found = put("qwen3-30b-a3b", gpu(8))
    assert found.fit == "experts in RAM"
    assert 10 * GIB < found.ram_bytes < 15 * GIB  # as many as there is room for stay on the card
    assert 7 * GIB < found.memory.required < 8 * GIB
    assert 0 < found.plan.expert_layers_in_ram < 48
    assert found.plan.gpu_layers == -1


def test_unlike_cards_hold_together_what_none_holds_alone():
    cards = Machine(64 * GIB, devices=(*gpu(16).devices, *(replace(card, name="Other") for card in gpu(10).devices)))
    found = put("qwen3.6-27b", cards)
    assert found.fit == "fits"
    assert found.device == "Card + Other"
    assert found.plan.tensor_split == (16 * GIB, 10 * GIB)
    assert put("qwen3.6-27b", gpu(16)).device == "Card + CPU"


def test_a_dense_model_is_split_by_layers():
    found = put("qwen3.6-27b", gpu(12))
    assert found.fit == "split"
    assert found.device == "Card + CPU"
    assert found.ram_bytes > 4 * GIB
    assert 20 < found.plan.gpu_layers < 64
    assert f"{found.plan.gpu_layers} of 65 layers" in found.reason


def test_a_unified_device_is_never_split():
    assert put("qwen3.6-27b", gpu(12, unified=True)).device == "CPU"


def test_what_does_not_fit_says_what_it_needs():
    found = put("llama-3.3-70b-instruct", cpu(16))
    assert found.fit == "no"
    assert "needs 4" in found.reason
    assert "16.0 GiB are there" in found.reason
    assert found.speed is None


def test_an_unknown_shape_is_none_and_an_unknown_rate_gives_no_speed():
    model = CATALOG.get("laguna-xs-2.1")
    shape = architecture(model)
    weights = weights_of_catalog(model, "Q4_K_M")
    assert place(shape, weights, cpu(64), CONTEXT) is None
    assert estimate_memory(shape, weights, CONTEXT) is None
    assert shape.layers_unknown
    assert put("llama-3.1-8b-instruct", Machine(16 * GIB)).speed is None


def test_two_equal_cards_hold_more_and_cost_two_contexts():
    single, double = gpu(24), gpu(24, count=2)
    one, two = put("gemma-3-27b-it", single), put("gemma-3-27b-it", double)
    assert one.fit == two.fit == "fits"
    assert two.memory.required > one.memory.required


def test_no_memory_known_is_a_plain_no():
    assert put("qwen3-0.6b", Machine(None)).fit == "no"


def test_of_a_model_in_two_memories_the_known_one_bounds_the_speed():
    unheard_of = replace(gpu(12), devices=(Device("Card", "intel", 12 * GIB, 400 * GB),))
    found = put("gemma-3-27b-it", unheard_of)
    assert (found.fit, found.speed) == ("split", None)
    alone = put("gemma-3-27b-it", cpu(32)).speed
    share_in_ram = found.ram_bytes / found.memory.high
    assert found.most_speed == pytest.approx(alone.high / share_in_ram, rel=0.2)
    assert put("qwen3-30b-a3b", unheard_of).most_speed > found.most_speed
    assert put("gemma-3-27b-it", gpu(12)).most_speed is None
    assert put("llama-3.1-8b-instruct", unheard_of).most_speed is None
