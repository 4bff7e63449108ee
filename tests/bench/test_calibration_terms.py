"""Timings that a machine of known rates would give lead back to those rates."""

from dataclasses import replace

import pytest

from fakes.calibrations import CPU
from labkit.bench.calibration_models import DEPTH_TOKENS, THIN_MODELS, fat_plan, prompt_parameters, uniform_plan
from labkit.bench.calibration_terms import HEAD_ELEMENTS, FatTiming, Timing, device_calibration
from labkit.hardware.calibration import AttentionCost
from labkit.units import MIB

PLAIN = CPU.layer("attention")
# The calibration's own ratio of a head to its elements; a machine of another one is fitted as well as that allows.
MACHINE = replace(CPU, attention=AttentionCost(HEAD_ELEMENTS * 1e-10, 1e-10, 5e-11, 1e-7))
TYPES = ("Q4_K", "Q6_K", "Q8_0", "F16")


def fat(name, slower=1.0):
    plan, rate = fat_plan(name, 96 * MIB), MACHINE.rate(name)
    layers, parameters = plan.shape.num_layers, prompt_parameters(plan)
    decode = plan.weight_bytes / rate.bytes_per_second + layers * PLAIN.seconds
    prefill = 2 * parameters / rate.operations_per_second + layers * PLAIN.prefill_seconds
    return FatTiming(Timing(decode * slower, prefill * slower), plan.weight_bytes, parameters, layers)


def thin(name):
    model, rate = THIN_MODELS[name], MACHINE.rate("Q8_0")
    shape, kind = model.shape, name.split()[0]
    share = shape.experts.num_used / shape.experts.num_experts if shape.experts else 1.0
    rows = uniform_plan(shape, "Q8_0").tensors
    size = sum(row.num_elements * (share if len(row.dimensions) > 2 else 1) for row, _ in rows)
    recurrent = model.recurrent_layers
    cost = MACHINE.layer(kind) if recurrent else PLAIN
    states = model.state_elements
    decode = recurrent * (cost.seconds + states * cost.state_seconds)
    prefill = recurrent * (cost.prefill_seconds + states * cost.prefill_state_seconds)
    extra = MACHINE.layer("experts") if shape.experts else replace(PLAIN, seconds=0.0, prefill_seconds=0.0)
    decode += shape.num_layers * extra.seconds + (shape.num_layers - recurrent) * PLAIN.seconds
    prefill += shape.num_layers * extra.prefill_seconds + (shape.num_layers - recurrent) * PLAIN.prefill_seconds
    decode += size * 34 / 32 / rate.bytes_per_second
    prefill += 2 * size / rate.operations_per_second
    pair = MACHINE.attention.head_seconds + shape.head_dim * MACHINE.attention.element_seconds
    pair += MACHINE.attention.cold_seconds if name == "cold cache" else 0.0
    deep = decode + shape.num_layers * shape.num_heads * model.depth * pair
    cells = shape.num_layers * shape.query_size * DEPTH_TOKENS / 2
    return Timing(decode, prefill, deep, prefill + cells * MACHINE.attention.prefill_element_seconds)


def found(again=1.0, names=TYPES):
    timings = {name: thin(name) for name in THIN_MODELS}
    return device_calibration("CPU", 4, {name: fat(name) for name in names}, timings, {"Q4_K": fat("Q4_K", again)})


def test_every_term_of_a_known_machine_is_found_again():
    device = found()
    assert (device.device, device.threads, device.drift) == ("CPU", 4, pytest.approx(0, abs=1e-6))
    for name in TYPES:
        rate, true = device.rate(name), MACHINE.rate(name)
        assert rate.bytes_per_second == pytest.approx(true.bytes_per_second, rel=0.01)
        assert rate.operations_per_second == pytest.approx(true.operations_per_second, rel=0.01)
    for true in MACHINE.layers:
        cost = device.layer(true.kind)
        assert cost.seconds == pytest.approx(true.seconds, rel=0.02, abs=1e-7)
        assert cost.state_seconds == pytest.approx(true.state_seconds, rel=0.02)
        assert cost.prefill_seconds == pytest.approx(true.prefill_seconds, rel=0.05, abs=1e-7)
        assert cost.prefill_state_seconds == pytest.approx(true.prefill_state_seconds, rel=0.02)
    assert device.attention.element_seconds == pytest.approx(1e-10, rel=0.01)
    assert device.attention.cold_seconds == pytest.approx(1e-7, rel=0.01)
    assert device.attention.prefill_element_seconds == pytest.approx(5e-11, rel=0.01)


def test_a_little_drift_is_halved_and_widens_the_range():
    device = found(again=1.2)
    assert device.drift == pytest.approx(0.182, abs=0.001)
    assert device.spread > found().spread
    slowed = MACHINE.rate("Q4_K").bytes_per_second / device.rate("Q4_K").bytes_per_second
    assert slowed == pytest.approx(1.095, abs=0.01)


def test_a_disturbed_time_is_left_out():
    assert found(again=3.0).rate("Q4_K") == found().rate("Q4_K")


def test_models_that_were_not_run_leave_their_term_out():
    few = {name: thin(name) for name in ("attention", "heads of 64", "heads of 128", "mamba2 small")}
    device = device_calibration("CPU", 4, {"Q8_0": fat("Q8_0")}, few, {})
    assert [layer.kind for layer in device.layers] == ["attention"]
    assert device.drift == 0


def test_no_noise_makes_a_cost_negative():
    timings = {name: Timing(1e-6, 1e-9, 1e-7, 1e-10) for name in THIN_MODELS}
    device = device_calibration("CPU", 1, {name: fat(name) for name in TYPES}, timings, {})
    for layer in device.layers:
        assert min(layer.seconds, layer.state_seconds, layer.prefill_seconds, layer.prefill_state_seconds) >= 0
    assert min(device.attention.element_seconds, device.attention.prefill_element_seconds) >= 0
