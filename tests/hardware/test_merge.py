from dataclasses import replace

import pytest

from labkit.hardware.merge import choose_tier, is_gpu, merge_gpus
from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.profile import CoreDevice, FactSource, Gpu, Memory, NativeCore

GIB = 1024**3
MEMORY = Memory(physical_bytes=64 * GIB, budget_bytes=40 * GIB)


def device(name, description, backend, total=0, free=None, kind="gpu", pci=None):
    return CoreDevice(name, description, kind, backend, free, total or None, pci)


def merged(gpus, devices, memory=MEMORY):
    facts = {f"{i}.{key}": fact for i, gpu in enumerate(gpus) for key, fact in reported_by(gpu, "a tool").items()}
    core = NativeCore(version="1", devices=tuple(devices))
    return merge_gpus([Finding(tuple(gpus), facts)], core, memory)


def card(name, gib, vendor="nvidia"):
    return Gpu(vendor=vendor, name=name, memory_bytes=gib * GIB, unified=False)


def test_two_equal_cards_take_two_devices():
    cards = [card("NVIDIA L4", 22), card("NVIDIA L4", 22)]
    devices = [device(f"CUDA{i}", "NVIDIA L4", "CUDA", 22 * GIB, i) for i in (0, 1)]
    assert [gpu.core_device for gpu in merged(cards, devices).gpus] == ["CUDA0", "CUDA1"]


def test_equal_devices_that_no_tool_reported_are_all_kept():
    devices = [device(f"CUDA{i}", "NVIDIA L4", "CUDA", 22 * GIB) for i in range(3)]
    assert [gpu.core_device for gpu in merged([], devices).gpus] == ["CUDA0", "CUDA1", "CUDA2"]


def test_a_card_that_two_backends_list_is_one():
    devices = [device("CUDA0", "NVIDIA L4", "CUDA", 22 * GIB), device("Vulkan0", "NVIDIA L4", "Vulkan", 24 * GIB)]
    (gpu,) = merged([card("NVIDIA L4", 22)], devices).gpus
    assert (gpu.backend, gpu.core_device) == ("CUDA", "CUDA0")


def test_cards_of_one_vendor_under_family_names_are_told_apart_by_size():
    cards = [card("AMD Navi 33 [Radeon RX 7600]", 8, "amd"), card("AMD Navi 31 [Radeon RX 7900 XTX]", 24, "amd")]
    devices = [device("ROCm0", "AMD Radeon RX 7900 XTX", "ROCm", 24 * GIB, 23 * GIB)]
    small, large = merged(cards, devices).gpus
    assert (small.usable, large.usable) == (False, True)
    assert (large.name, large.free_bytes) == ("AMD Radeon RX 7900 XTX", 23 * GIB)


def test_the_address_tells_equal_cards_apart():
    cards = [replace(card("NVIDIA L4", 22), pci_address=f"0000:0{i}:00.0", driver=f"{i}") for i in (1, 2)]
    (first, second) = merged(cards, [device("CUDA0", "NVIDIA L4", "CUDA", 22 * GIB, pci="0000:02:00.0")]).gpus
    assert (first.usable, second.usable) == (False, True)
    assert (first.core_device, second.core_device, second.driver) == (None, "CUDA0", "2")


def test_an_integrated_part_and_a_card_under_one_generic_name():
    parts = [
        Gpu(vendor="amd", name="AMD Radeon Graphics", memory_bytes=32 * GIB, unified=False),
        Gpu(vendor="amd", name="AMD Radeon Graphics", memory_bytes=2 * GIB, unified=True, carve_out_bytes=2 * GIB),
    ]
    devices = [device("Vulkan0", "AMD Radeon Graphics (RADV VEGA20)", "Vulkan", 32 * GIB, 30 * GIB)]
    used, integrated = merged(parts, devices).gpus
    assert (used.core_device, used.memory_bytes, integrated.usable) == ("Vulkan0", 32 * GIB, False)


def test_what_a_second_probe_knows_is_filled_in_with_its_source():
    first = Finding((Gpu(vendor="amd", name="AMD Radeon RX 7600", memory_bytes=8 * GIB),))
    second = Finding(
        (Gpu(vendor="amd", name="AMD Radeon RX 7600 (RADV NAVI33)", memory_bytes=7 * GIB, driver="Mesa 25.1"),),
        {"0.driver": FactSource("reported", "vulkaninfo"), "0.memory_bytes": FactSource("reported", "vulkaninfo")},
    )
    found = merge_gpus([first, second], None, MEMORY)
    (gpu,) = found.gpus
    assert (gpu.name, gpu.memory_bytes, gpu.driver) == ("AMD Radeon RX 7600", 8 * GIB, "Mesa 25.1")
    assert found.sources == {"0.driver": FactSource("reported", "vulkaninfo")}


def test_two_equal_cards_that_two_probes_report_are_two():
    findings = [Finding((card("NVIDIA L4", 22), card("NVIDIA L4", 22)))] * 2
    assert len(merge_gpus(findings, None, MEMORY).gpus) == 2


def test_the_source_of_a_fact_follows_the_value_that_was_taken():
    facts = merged([card("NVIDIA L4", 22)], [device("CUDA0", "NVIDIA L4", "CUDA", 21 * GIB, GIB)]).sources
    assert (facts["0.name"].source, facts["0.memory_bytes"].source) == ("a tool", "native core")
    assert facts["0.usable"].source == "native core"


def test_without_an_answer_of_the_core_nobody_knows_what_is_usable():
    finding = Finding((card("NVIDIA L4", 22),))
    assert merge_gpus([finding], None, MEMORY).gpus[0].usable is None
    assert merge_gpus([finding], NativeCore(load_error="broken"), MEMORY).gpus[0].usable is None


def test_a_card_that_two_probes_report_is_kept_once_and_with_the_first():
    first, second = (
        Finding((card("NVIDIA L4", 22),)),
        Finding((card("nvidia  l4", 4), card("Arc A770", 16, "intel"))),
    )
    gpus = merge_gpus([first, second], None, MEMORY).gpus
    assert [(gpu.name, gpu.memory_bytes) for gpu in gpus] == [("NVIDIA L4", 22 * GIB), ("Arc A770", 16 * GIB)]


def test_a_unified_part_is_bounded_by_the_memory_budget():
    (gpu,) = merged([Gpu(vendor="apple", name="Apple M4", unified=True)], []).gpus
    assert (gpu.memory_bytes, gpu.free_bytes) == (64 * GIB, 40 * GIB)


def test_a_carve_out_beside_system_memory_is_not_bounded_by_it():
    part = Gpu(vendor="amd", name="Radeon", memory_bytes=96 * GIB, unified=True)
    (gpu,) = merged([part], [device("ROCm0", "Radeon", "ROCm", 96 * GIB, 95 * GIB, "igpu")]).gpus
    assert (gpu.memory_bytes, gpu.free_bytes) == (96 * GIB, 95 * GIB)


def test_a_small_carve_out_and_what_the_system_can_spare_beside_it():
    part = Gpu(vendor="amd", name="Radeon 8060S", memory_bytes=100 * GIB, unified=True, carve_out_bytes=4 * GIB)
    (gpu,) = merged([part], []).gpus
    assert (gpu.memory_bytes, gpu.free_bytes) == (100 * GIB, 44 * GIB)


def test_a_pool_smaller_than_the_carve_out_stays_the_bound():
    part = Gpu(vendor="amd", memory_bytes=96 * GIB, unified=True, carve_out_bytes=96 * GIB, free_bytes=15 * GIB)
    assert merged([part], []).gpus[0].free_bytes == 15 * GIB


@pytest.mark.parametrize(
    ("kind", "description", "expected"),
    [("gpu", "NVIDIA L4", True), ("igpu", "Radeon", True), ("cpu", "EPYC", False), ("accel", "Accelerate", False),
     ("gpu", "llvmpipe (LLVM 17.0.6, 256 bits)", False)],
)  # fmt: skip
def test_software_and_processors_are_no_gpus(kind, description, expected):
    assert is_gpu(device("x", description, "Vulkan", kind=kind)) is expected


def test_the_tier_is_that_of_the_best_usable_device():
    cuda, vulkan = Gpu(backend="CUDA", usable=True), Gpu(backend="Vulkan", usable=True)
    assert choose_tier([vulkan, cuda]) == "cuda"
    assert choose_tier([vulkan]) == "vulkan"
    assert choose_tier([Gpu(backend="MTL", usable=True)]) == "apple-silicon"
    assert choose_tier([Gpu(backend="CUDA", usable=False), Gpu(vendor="nvidia")]) == "cpu"
    assert choose_tier([]) == "cpu"


def test_without_a_core_the_tier_is_that_of_one_built_for_the_hardware():
    nvidia, amd, intel = (Gpu(vendor=vendor, unified=False) for vendor in ("nvidia", "amd", "intel"))
    inside = Gpu(vendor="intel", unified=True)
    assert choose_tier([amd, nvidia], None, "Linux") == "cuda"
    assert choose_tier([amd], None, "Linux") == "rocm"
    assert choose_tier([amd], None, "Windows") == "vulkan"
    assert choose_tier([amd], None, "Darwin") == "cpu"
    assert choose_tier([Gpu(vendor="apple", unified=True)], None, "Darwin") == "apple-silicon"
    assert choose_tier([inside, intel], None, "Linux") == "vulkan"
    assert choose_tier([inside], None, "Linux") == "cpu"
    assert choose_tier([nvidia], NativeCore(load_error="broken"), "Linux") == "cpu"
