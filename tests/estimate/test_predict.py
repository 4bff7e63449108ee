from dataclasses import replace

import pytest

from fakes.calibrations import CPU, calibration
from labkit.catalog import architecture, load_catalog
from labkit.estimate import (
    ContextSettings,
    Device,
    Machine,
    machine_from_profile,
    place,
    predict_decode,
    predict_prefill,
    weights_of_catalog,
)
from labkit.hardware import Cpu, Gpu, HardwareProfile, Memory

GB = 1000**3
MODELS = {model.id: model for model in load_catalog().models}


def model(name, quantization="Q4_K_M"):
    return architecture(MODELS[name]), weights_of_catalog(MODELS[name], quantization)


def test_a_calibrated_machine_is_predicted_from_its_calibration():
    found = predict_decode(*model("qwen3-8b"), Machine(None, 30 * GB, "measured", calibration=CPU))
    assert found.confidence == "calibrated"
    assert found.low < found.likely < found.high
    assert found.high / found.low < (1.3 / 0.7)
    read = sum(weights_of_catalog(MODELS["qwen3-8b"], "Q4_K_M").bytes_per_token) / 2
    assert 10e9 < read * found.likely < 16e9  # between the rates of Q4_K and Q6_K


def test_without_a_calibration_the_bandwidth_speaks():
    shape = model("qwen3-8b")
    assert predict_decode(*shape, Machine(None, 30 * GB, "measured")).confidence == "measured bandwidth"
    assert predict_decode(*shape, Machine(None, 30 * GB, "table")).confidence == "table"
    card = Device("RTX 4090", "nvidia", 24 * GB, 1008 * GB)
    assert predict_decode(*shape, Machine(None), device=card).confidence == "table"
    assert predict_decode(*shape, Machine(None)) is None
    assert predict_prefill(*shape, Machine(None, 30 * GB, "measured"), 512) is None


def test_an_accelerator_has_a_calibration_of_its_own():
    fast = replace(CPU, device="CUDA0", rates=tuple(replace(rate, bytes_per_second=900 * GB) for rate in CPU.rates))
    card = Device("GPU", "nvidia", 24 * GB, calibration=fast)
    machine = Machine(None, calibration=CPU)
    on_card = predict_decode(*model("qwen3-8b"), machine, device=card)
    assert on_card.likely > 20 * predict_decode(*model("qwen3-8b"), machine).likely
    assert predict_prefill(*model("qwen3-8b"), machine, 512, device=card).likely > 0


@pytest.mark.parametrize("machine", [Machine(None, calibration=CPU), Machine(None, 30 * GB, "measured")])
def test_depth_slows_down(machine):
    speeds = [predict_decode(*model("qwen3-8b"), machine, depth=depth).likely for depth in (0, 4096, 32768)]
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[2] < 0.8 * speeds[0]


def test_windows_are_slowed_less_by_depth():
    machine = Machine(None, calibration=CPU)

    def kept(name):
        shape = model(name)
        return predict_decode(*shape, machine, depth=16384).likely / predict_decode(*shape, machine).likely

    assert kept("gemma-3-4b-it") > kept("qwen3-4b-instruct-2507")


def test_a_calibration_without_the_type_is_a_partial_one():
    poor = replace(CPU, rates=CPU.rates[2:])
    found = predict_decode(*model("qwen3-8b"), Machine(None, calibration=poor))
    assert found.confidence == "partly calibrated"
    whole = predict_decode(*model("qwen3-8b"), Machine(None, calibration=CPU))
    assert found.high / found.low > whole.high / whole.low


def test_a_profile_s_calibration_reaches_the_placement():
    profile = HardwareProfile(
        cpu=Cpu(physical_cores=4),
        memory=Memory(physical_bytes=32 * GB, available_bytes=30 * GB),
        calibration=calibration(),
    )
    shape = model("qwen3-8b")
    found = place(*shape, machine_from_profile(profile), ContextSettings(8192))
    assert found.speed.confidence == "calibrated"
    start = predict_decode(*shape, machine_from_profile(profile))
    assert found.speed.high == pytest.approx(start.high)
    assert found.speed.low < start.low  # at the end of the context
    prior = place(*shape, machine_from_profile(replace(profile, calibration=None)), ContextSettings(8192))
    assert prior.speed is None


def test_two_memories_are_as_sure_as_the_less_sure_one():
    card = Gpu(
        vendor="NVIDIA", name="RTX 4090", free_bytes=10 * GB, usable=True, peak_bandwidth_bytes_per_second=1008 * GB
    )
    profile = HardwareProfile(
        cpu=Cpu(physical_cores=4),
        memory=Memory(physical_bytes=64 * GB, available_bytes=60 * GB),
        gpus=(card,),
        calibration=calibration(),
    )
    found = place(*model("qwen3-30b-a3b-instruct-2507"), machine_from_profile(profile), ContextSettings(8192))
    assert found.device == "RTX 4090 + CPU"
    assert found.speed.confidence == "table"


@pytest.mark.parametrize(
    ("name", "quantization", "bandwidth", "teraflops", "measured"),
    [
        # llama.cpp pull request 7676; dense half precision with 32-bit sums: 165 and 71 (device table).
        ("RTX 4090", "Q4_0", 1008, 165.2, 10358),
        ("RTX 3090", "Q6_K", 936, 71, 3491),
    ],
)
def test_measured_prompts_lie_in_the_range_of_an_accelerator_that_was_not_calibrated(
    name, quantization, bandwidth, teraflops, measured
):
    card = Device(name, "nvidia", 24 * GB, bandwidth * GB, peak_operations_per_second=teraflops * 1e12)
    found = predict_prefill(*model("llama-3.1-8b-instruct", quantization), Machine(None), 512, device=card)
    assert found.low < measured < found.high
    assert found.confidence == "table"
    unknown = replace(card, peak_operations_per_second=None)
    assert predict_prefill(*model("llama-3.1-8b-instruct", quantization), Machine(None), 512, device=unknown) is None


def test_a_mixture_s_short_prompt_waits_for_all_its_experts():
    card = Device("RTX 4090", "nvidia", 24 * GB, 1008 * GB, peak_operations_per_second=165e12)
    shape = model("qwen3-30b-a3b-instruct-2507")
    short, long = (predict_prefill(*shape, Machine(None), count, device=card).likely for count in (16, 512))
    assert short < long / 5
