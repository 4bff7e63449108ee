"""llama.cpp's steps, on models that can be counted by hand: layers of 100, a head of 50, a cache of 1 per 64 tokens."""

import pytest

from labkit.estimate.devices import DeviceBytes, DeviceShare, LayerSplit
from labkit.estimate.fit import FitRequest, fit

LAYER, EXPERTS, HEAD = 100, 60, 50
NUM_LAYERS = 10


class Counted:
    """Sizes by simple sums; remembers what it was asked."""

    def __init__(self, num_devices=1, has_experts=False):
        self.num_devices = num_devices
        self.has_experts = has_experts
        self.asked = []

    def __call__(self, tokens, split):
        self.asked.append((tokens, split))
        if split is None or split.experts_in_ram:
            each = LAYER - (EXPERTS if split else 0)
            share = NUM_LAYERS // self.num_devices
            return [
                DeviceBytes(share * each + (HEAD if device == self.num_devices - 1 else 0), share * tokens // 640)
                for device in range(self.num_devices)
            ]
        return [self._device(number, split, tokens) for number in range(len(split.shares))]

    def _device(self, number, split, tokens):
        share = split.shares[number]
        has_head = share.num_layers and not any(later.num_layers for later in split.shares[number + 1 :])
        layers = share.num_layers - (1 if has_head else 0)
        left_out = (
            {"experts": EXPERTS, "attention": 80, "up": 50, "gate": 25}[share.overflow] if share.num_partial else 0
        )
        left_out += EXPERTS * max(share.num_partial - 1, 0)
        return DeviceBytes(layers * LAYER - left_out + (HEAD if has_head else 0), layers * tokens // 640)


def request(*free, tokens=None, experts=False, margin=0):
    return FitRequest(NUM_LAYERS, 64000, experts, free, context_tokens=tokens, margin_bytes=margin)


def test_what_fits_stays_as_it_is():
    found = fit(request(5000, tokens=6400), Counted())
    assert found.split is None
    assert found.context_tokens == 6400
    assert found.gpu_layers(NUM_LAYERS) == NUM_LAYERS + 1


def test_a_margin_stays_free():
    assert fit(request(1150, tokens=6400), Counted()).split is None
    assert fit(request(1150, tokens=6400, margin=1), Counted()).split is not None


def test_the_context_shrinks_in_steps_of_256_before_a_layer_leaves():
    found = fit(request(1500), Counted())
    assert found.split is None
    assert found.context_tokens % 256 == 0
    assert 28_000 < found.context_tokens <= 28_800  # 1500 = 1050 + 450, and 64 tokens take 1


def test_the_context_does_not_shrink_under_4096_nor_where_the_user_set_it():
    assert fit(request(600), Counted()).context_tokens == 4096
    assert fit(request(600, tokens=6400), Counted()).context_tokens == 6400


@pytest.mark.parametrize(("free", "layers"), [(600, 6), (170, 2), (160, 2), (159, 1), (60, 1)])
def test_layers_are_dealt_from_the_back_head_first(free, layers):
    found = fit(request(free, tokens=6400), Counted())
    assert found.split.gpu_layers == layers


def test_a_mixture_keeps_all_dense_parts_and_as_many_experts_as_there_is_room_for():
    found = fit(request(801, tokens=6400, experts=True), Counted(has_experts=True))
    (share,) = found.split.shares
    assert share.num_layers == NUM_LAYERS + 1
    # 1,150 as a whole: six layers without experts make it 790, and of the first of them up projections fit too.
    assert share.num_partial == 6
    assert share.overflow == "up"


def test_a_mixture_without_room_for_its_dense_parts_is_dealt_like_any_other():
    found = fit(request(300, tokens=6400, experts=True), Counted(has_experts=True))
    assert found.split.gpu_layers < NUM_LAYERS + 1
    assert found.split.shares[0].overflow == "experts"


def test_two_devices_fill_from_the_last_one():
    found = fit(request(500, 300, tokens=6400), Counted(2))
    first, last = found.split.shares
    assert last.num_layers == 3  # the head and two layers: 50 + 2 x 110
    assert first.num_layers == 4
    assert found.split.gpu_layers == 7


def test_a_split_counts_its_layers():
    split = LayerSplit((DeviceShare(5, 2), DeviceShare(3)))
    assert split.gpu_layers == 8
    assert split.shares[0].num_full == 3
