"""Which layer lies where, by llama.cpp's rules, on a model that can be counted by hand."""

import pytest

from labkit.estimate import ContextSettings
from labkit.estimate.devices import DealtModel, DeviceShare, LayerSplit
from labkit.estimate.tensor_overrides import tensor_overrides
from labkit.gguf import LayerWeights, WeightsByLayer
from labkit.model import LayerMemory, ModelArchitecture

LAYER = LayerWeights(100, expert_bytes=60, ffn_bytes=70, gate_and_down_bytes=40, down_bytes=20)
SHAPE = ModelArchitecture(
    "llama", num_layers=4, hidden_size=8, ffn_size=16, num_heads=2, num_kv_heads=1, head_dim=4, vocab_size=1000,
    layers=(LayerMemory(4, 4), LayerMemory(), LayerMemory(4, 4), LayerMemory(state_size=10)),
)  # fmt: skip
MODEL = DealtModel(SHAPE, WeightsByLayer(input_bytes=7, head_bytes=30, layers=(LAYER,) * 4))
CONTEXT = ContextSettings(256, num_outputs=1)
KV = 256 * 8 * 2


def sizes(*shares, free=None):
    split = LayerSplit(tuple(shares)) if shares else None
    return MODEL.sizes(CONTEXT, split, free or [1] * max(len(shares), 1))


def test_everything_but_the_input_embedding_goes_to_one_device():
    (device,), ram = sizes()
    assert (device.weight_bytes, ram.weight_bytes) == (430, 7)
    assert device.cache_bytes == 2 * KV + 40
    assert ram.cache_bytes == 0


def test_the_last_layers_go_first_and_take_cache_and_state_along():
    (device,), ram = sizes(DeviceShare(2))
    assert (device.weight_bytes, ram.weight_bytes) == (130, 307)
    assert (device.cache_bytes, ram.cache_bytes) == (40, 2 * KV)
    (device,), _ = sizes(DeviceShare(3))
    assert device.cache_bytes == KV + 40


def test_no_layers_on_a_device_leave_it_empty():
    (device,), ram = sizes(DeviceShare(0))
    assert device.total == 0
    assert ram.weight_bytes == 437


@pytest.mark.parametrize(("overflow", "stays"), [("experts", 40), ("attention", 30), ("up", 60), ("gate", 80)])
def test_the_first_partial_layer_keeps_what_its_overflow_says_and_the_others_all_but_experts(overflow, stays):
    # llama.cpp counts the head among the partial layers of a device, though nothing of it is moved.
    (device,), ram = sizes(DeviceShare(5, 3, overflow))
    assert device.weight_bytes == 30 + 2 * 100 + stays + 40
    assert device.weight_bytes + ram.weight_bytes == 437


def test_two_devices_share_by_free_memory_and_the_last_has_the_head():
    (first, second), ram = sizes(free=[3, 2])
    assert (first.weight_bytes, second.weight_bytes, ram.weight_bytes) == (300, 130, 7)
    assert (first.cache_bytes, second.cache_bytes) == (2 * KV, 40)


def test_a_partial_layer_may_overflow_to_the_next_device():
    shares = (DeviceShare(2, 1, "gate", overflows_to_next=True), DeviceShare(3))
    (first, second), _ = sizes(*shares)
    assert first.weight_bytes == 200 - 20
    assert second.weight_bytes == 200 + 30 + 20


def test_layers_that_are_not_loaded_count_when_layers_are_dealt_out():
    model = DealtModel(SHAPE, WeightsByLayer(7, 30, (LAYER,) * 3 + (LayerWeights(0),), num_unused=1))
    (device,), _ = model.sizes(CONTEXT, LayerSplit((DeviceShare(2),)), [1])
    assert device.weight_bytes == 30


def test_logits_take_more_than_a_layer_only_where_the_head_is():
    (with_head,), _ = sizes(DeviceShare(1))
    assert with_head.compute_bytes > 1000 * 4
    many = ContextSettings(256)
    (device,), _ = MODEL.sizes(many, LayerSplit((DeviceShare(1),)), [1])
    assert device.compute_bytes > 1000 * 4 * 512


def test_overrides_name_the_tensors_as_llama_cpp_does():
    split = LayerSplit((DeviceShare(3, 1, "up", overflows_to_next=True), DeviceShare(2, 1)))
    assert tensor_overrides(split, 4, ("CUDA0", "CUDA1")) == (
        (r"blk\.2\.ffn_(gate|gate_up|down).*", "CUDA1"),
        (r"blk\.4\.ffn_(up|down|gate_up|gate)_(ch|)exps", "CPU"),
    )
    assert tensor_overrides(None, 4) == ()
    everywhere = tensor_overrides(LayerSplit((), experts_in_ram=True), 4)
    assert everywhere == ((r"blk\.\d+\.ffn_(up|down|gate_up|gate)_(ch|)exps", "CPU"),)
