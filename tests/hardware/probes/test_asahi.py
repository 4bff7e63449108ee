import pytest

from fakes.source import FakeSource, load_machine
from labkit.hardware.detect import probe_machine
from labkit.hardware.probes.asahi import chip_name
from labkit.hardware.problems import find_problems
from labkit.hardware.profile import NativeCore


@pytest.mark.parametrize(
    ("model", "chip"),
    [
        ("Apple MacBook Pro (14-inch, M1 Pro, 2021)\0", "Apple M1 Pro"),
        ("Apple Mac mini (M1, 2020)", "Apple M1"),
        ("Apple Mac Studio (M1 Ultra, 2022)", "Apple M1 Ultra"),
        ("Apple MacBook Air (13-inch, M2, 2022)", "Apple M2"),
        ("Apple iMac (2015)", None),
        ("Raspberry Pi 5 Model B Rev 1.0", None),
    ],
)
def test_the_device_tree_names_the_chip(model, chip):
    assert chip_name(FakeSource(files={"/proc/device-tree/model": model})) == chip


def test_the_core_reaches_the_gpu_through_vulkan():
    (gpu,) = probe_machine(load_machine("asahi-m1-pro")).gpus
    assert (gpu.name, gpu.backend, gpu.usable, gpu.unified) == ("Apple M1 Pro", "Vulkan", True, True)
    assert gpu.peak_bandwidth_bytes_per_second == 200e9


def test_without_vulkan_the_processor_is_used_and_vulkan_is_advised():
    source = load_machine("asahi-m1-pro")
    source.commands.clear()
    found = probe_machine(source)
    assert (found.tier, found.gpus[0].name) == ("cpu", "Apple M1 Pro")
    from dataclasses import replace

    unused = replace(found, gpus=(replace(found.gpus[0], usable=False),), native_core=NativeCore(backends=("CPU",)))
    assert any("GGML_VULKAN" in problem.fix for problem in find_problems(unused))
