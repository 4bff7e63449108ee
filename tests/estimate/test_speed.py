"""The decode model against measured runs of llama.cpp, and its laws."""

import pytest

from labkit.estimate import Device, Machine, Speed, decode_speed
from labkit.estimate.speed import DecodeConstants, Reading, cpu_constants, gpu_constants

GB = 1000**3
LLAMA_2_7B_Q4_0 = 3.56 * 2**30 - 32000 * 4096 * 4.5 / 8  # the input embedding is not read
LLAMA_3_8B_Q4_K_M = 4.913 * GB - 128256 * 4096 * 4.5 / 8


def speed(device, weight_bytes, num_layers):
    bandwidth, constants = gpu_constants(device)
    size = (int(weight_bytes), int(weight_bytes))
    return decode_speed((Reading(size, 0, num_layers, bandwidth, constants),))


@pytest.mark.parametrize(
    ("vendor", "bandwidth", "weight_bytes", "measured"),
    [
        # llama.cpp discussion 15013 (flash attention on) and 4167; normiebench for the 8B row.
        ("nvidia", 672, LLAMA_2_7B_Q4_0, 128),
        ("nvidia", 896, LLAMA_2_7B_Q4_0, 182),
        ("nvidia", 960, LLAMA_2_7B_Q4_0, 185),
        ("nvidia", 672, LLAMA_2_7B_Q4_0, 133),
        ("nvidia", 360, LLAMA_2_7B_Q4_0, 75.6),
        ("apple", 68, LLAMA_2_7B_Q4_0, 14.2),
        ("apple", 120, LLAMA_2_7B_Q4_0, 24),
        ("apple", 120, LLAMA_3_8B_Q4_K_M, 20.9),
    ],
)
def test_measured_runs_lie_in_the_predicted_range(vendor, bandwidth, weight_bytes, measured):
    found = speed(Device("GPU", vendor, 1, bandwidth * GB), weight_bytes, 32)
    assert found.low <= measured <= found.high
    assert found.middle == pytest.approx(measured, rel=0.25)


def test_a_measured_processor_run_lies_in_the_predicted_range():
    # 8B and 0.6B at Q4_K_M with 2 threads, on a machine whose memory was read at 27 to 39 GB/s.
    machine = Machine(None, 33 * GB, "measured")
    bandwidth, constants = cpu_constants(machine)
    for size, layers, measured in ((4.6 * GB, 36, 7.58), (0.39 * GB, 28, 59)):
        found = decode_speed((Reading((int(size), int(size)), 0, layers, bandwidth, constants),))
        assert found.low <= measured <= found.high


def test_a_full_context_is_slower_than_an_empty_one():
    constants = DecodeConstants((0.8, 0.8), (0.0, 0.0))
    found = decode_speed((Reading((GB, GB), GB, 32, 8 * GB, constants),))
    assert found == Speed(pytest.approx(3.2), pytest.approx(6.4), pytest.approx((3.2 * 6.4) ** 0.5), "table")


def test_parts_in_two_memories_add_their_times():
    exact = DecodeConstants((1.0, 1.0), (0.0, 0.0))
    fast = Reading((GB, GB), 0, 0, 100 * GB, exact)
    slow = Reading((GB, GB), 0, 0, 10 * GB, exact)
    assert decode_speed((fast, slow)).middle == pytest.approx(1 / (0.01 + 0.1))


def test_what_is_not_known_gives_no_speed():
    assert gpu_constants(Device("GPU", "nvidia", 1)) is None
    assert gpu_constants(Device("Arc", "intel", 1, 400 * GB)) is None
    assert cpu_constants(Machine(None)) is None


def test_no_accelerator_reads_faster_than_its_memory():
    for vendor in ("nvidia", "apple", "amd"):
        _, constants = gpu_constants(Device("GPU", vendor, 1, GB))
        assert constants.efficiency[0] < constants.efficiency[1] <= 1


def test_memory_faster_than_any_that_was_tried_widens_the_range_downwards():
    tried, untried = (Device("card", "nvidia", 1, bandwidth_bytes_per_second=rate) for rate in (1.7e12, 3.3e12))
    (_, known), (_, wide) = gpu_constants(tried), gpu_constants(untried)
    assert wide.efficiency == (known.efficiency[0] / 2, known.efficiency[1])
    assert wide.seconds_per_layer == known.seconds_per_layer
