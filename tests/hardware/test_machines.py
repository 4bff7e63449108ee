"""Captured machines, from text to profile: what a detector must conclude about each."""

import tomllib

import pytest

from fakes.source import load_machine, machine_names
from labkit.hardware.detect import probe_machine
from labkit.hardware.document import parse_profile, render_toml
from labkit.hardware.problems import find_problems

GIB = 1024**3
MIB = 1024**2


def profile_of(name):
    return probe_machine(load_machine(name))


def problems_of(name):
    profile = profile_of(name)
    return [*profile.problems, *find_problems(profile)]


# name -> tier, processor, usable cores, GPUs found, GPUs usable
EXPECTED = {
    "a100-mig": ("cuda", "AMD EPYC 7742 64-Core Processor", 8, 2, 1),
    "apple-m4": ("apple-silicon", "Apple M4", 4, 1, 1),
    "cloud-guest": ("cpu", "AMD EPYC", 4, 0, 0),
    "core-crashes": ("cpu", "Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz", 4, 0, 0),
    "docker-cgroup1": ("cpu", "AMD EPYC 7571", 1, 0, 0),
    "gb10-unified": ("cuda", "Cortex-X925 (implementer 0x41 part 0xd85)", 20, 1, 1),
    "intel-arc": ("cpu", "Intel(R) Core(TM) i5-12400", 4, 2, 0),
    "intel-mac": ("cpu", "Intel(R) Core(TM) i9-9980HK CPU @ 2.40GHz", 8, 2, 0),
    "kubernetes-pod": ("cpu", "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", 2, 0, 0),
    "meteor-lake-laptop": ("cpu", "Intel(R) Core(TM) Ultra 7 155H", 1, 1, 0),
    "mi300x-node": ("rocm", "AMD EPYC 9534 64-Core Processor", 1, 2, 1),
    "nvidia-driver-stopped": ("cpu", "AMD Ryzen 7 3700X 8-Core Processor", 8, 0, 0),
    "nvidia-without-driver": ("cpu", "Intel(R) Core(TM) i5-6500 CPU @ 3.20GHz", 4, 2, 0),
    "radeon-cards-of-one-name": ("vulkan", "AMD Ryzen 7 5700G with Radeon Graphics", 1, 2, 2),
    "raspberry-pi-4": ("cpu", "Cortex-A72 (implementer 0x41 part 0xd08)", 4, 0, 0),
    "rtx-4090-desktop": ("cuda", "Intel(R) Core(TM) i7-13700", 8, 1, 1),
    "strix-halo-apu": ("vulkan", "AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", 16, 1, 1),
    "two-amd-cards": ("cpu", "AMD Ryzen 5 5600G with Radeon Graphics", 6, 2, 0),
    "apple-m5-max": ("apple-silicon", "Apple M5 Max", 18, 1, 1),
    "apple-rosetta": ("cpu", "Apple M1", 4, 1, 0),
    "asahi-m1-pro": ("vulkan", "Apple M1 Pro", 8, 1, 1),
    "epyc-two-sockets": ("cpu", "AMD EPYC 7502 32-Core Processor", 64, 0, 0),
    "graviton-ecs-task": ("cpu", "Neoverse-V1 (implementer 0x41 part 0xd40)", 2, 0, 0),
    "rk3588-board": ("cpu", "4x Cortex-A76 + 4x Cortex-A55", 4, 0, 0),
    "ryzen-dense-cores": ("cpu", "AMD Ryzen AI 9 HX 370 w/ Radeon 890M", 4, 0, 0),
    "snapdragon-wsl": ("cpu", "Oryon (implementer 0x51 part 0x001)", 12, 0, 0),
    "windows-apu-laptop": ("vulkan", "AMD Ryzen 7 8840U w/ Radeon 780M Graphics", 8, 1, 1),
    "windows-two-vendors": ("cpu", "AMD Ryzen 7 7800X3D 8-Core Processor", 8, 2, 0),
    "wsl2-bare": ("cpu", "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz", 4, 0, 0),
    "wsl2-rtx": ("cpu", "11th Gen Intel(R) Core(TM) i7-11800H @ 2.30GHz", 8, 1, 0),
}


def test_every_captured_machine_is_expected():
    assert machine_names() == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_tier_processor_and_gpus(name):
    found = profile_of(name)
    assert EXPECTED[name] == (
        found.tier,
        found.cpu.model_name,
        found.cpu.usable_cores,
        len(found.gpus),
        len(found.usable_gpus),
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_a_detected_machine_is_a_valid_profile_file(name):
    found = profile_of(name)
    assert parse_profile(tomllib.loads(render_toml(found)), name) == found


@pytest.mark.parametrize("name", EXPECTED)
def test_every_source_belongs_to_a_known_fact(name):
    found = profile_of(name)
    assert found.sources
    for path in found.sources:
        value = found
        for part in path.split("."):
            value = value[int(part)] if part.isdecimal() else getattr(value, part)
        assert value not in (None, ()), path


@pytest.mark.parametrize("name", EXPECTED)
def test_every_problem_but_a_plain_fact_says_what_to_type(name):
    for problem in problems_of(name):
        assert problem.fix or problem.severity == "note"


def test_the_gpu_has_what_the_backend_can_reach_and_the_tool_explains_the_rest():
    (gpu,) = profile_of("rtx-4090-desktop").gpus
    assert (gpu.memory_bytes, gpu.free_bytes) == (24111 * MIB, 23896 * MIB)
    assert (gpu.compute_capability, gpu.driver, gpu.backend, gpu.core_device) == (
        "8.9",
        "560.35.03",
        "CUDA",
        "CUDA0",
    )


def test_performance_cores_are_counted_without_their_second_threads():
    cpu = profile_of("rtx-4090-desktop").cpu
    assert (cpu.physical_cores, cpu.logical_cores) == (12, 20)
    assert (cpu.performance_cores, cpu.efficiency_cores) == (8, 4)
    assert cpu.last_level_cache_bytes == 30 * MIB


def test_a_unified_part_without_a_memory_size_has_the_systems():
    found = profile_of("gb10-unified")
    (gpu,) = found.gpus
    assert gpu.unified
    assert gpu.free_bytes == found.memory.budget_bytes  # less than the backend claims
    assert gpu.memory_bytes == 121 * GIB


def test_a_small_carve_out_is_not_taken_for_the_memory_of_an_integrated_part():
    (gpu,) = profile_of("strix-halo-apu").gpus
    assert (gpu.unified, gpu.memory_bytes, gpu.architecture) == (True, 120 * GIB, "gfx1151")


def test_of_equal_cards_the_one_at_the_cores_address_is_used():
    hidden, used = profile_of("mi300x-node").gpus
    assert (hidden.pci_address, hidden.usable, hidden.free_bytes) == ("0000:0c:00.0", False, None)
    assert (used.pci_address, used.core_device, used.free_bytes) == ("0000:22:00.0", "ROCm0", 205500000000)


def test_cards_of_one_generic_name_are_told_apart_by_size_and_version():
    mi50, rx7600 = profile_of("radeon-cards-of-one-name").gpus
    assert (mi50.name, mi50.architecture, mi50.core_device) == ("AMD Radeon Graphics", "gfx906", "Vulkan1")
    assert (rx7600.name, rx7600.core_device, rx7600.memory_bytes) == ("AMD Radeon RX 7600", "Vulkan0", 8573157376)


def test_an_integrated_part_on_windows_has_what_the_backend_grants_beside_its_carve_out():
    (gpu,) = profile_of("windows-apu-laptop").gpus
    assert (gpu.unified, gpu.memory_bytes, gpu.carve_out_bytes) == (True, 17147483648, 2 * GIB)


def test_a_tools_figure_for_graphics_inside_a_processor_is_not_believed():
    found = profile_of("meteor-lake-laptop")
    (gpu,) = found.gpus
    assert (gpu.unified, gpu.memory_bytes, gpu.free_bytes) == (True, 32768000000, 20480000000)
    assert found.native_core is None


def test_metal_grants_less_than_the_memory_and_other_programs_less_than_that():
    found = profile_of("apple-m4")
    (gpu,) = found.gpus
    assert gpu.memory_bytes == 17179869184
    assert gpu.free_bytes == found.memory.available_bytes == 16384 * 620_000


def test_slices_of_a_card_are_seen_and_only_the_cores_own_is_used():
    other, used = profile_of("a100-mig").gpus
    assert (other.memory_bytes, other.usable) == (19968 * MIB, False)
    assert (used.memory_bytes, used.usable, used.free_bytes) == (9856 * MIB, True, 9700 * MIB)
    assert not problems_of("a100-mig")


def test_the_limit_of_a_pod_and_the_headroom_of_its_parent():
    memory = profile_of("kubernetes-pod").memory
    assert memory.limit_bytes == 8 * GIB
    assert (memory.limit_source or "").endswith("kubepods-burstable-pod1.slice/memory.max")
    assert memory.budget_bytes == 3 * GIB  # parent: 48 GiB limit, 47 GiB used, 2 GiB of that file cache


def test_a_bind_mounted_group_of_version_1():
    found = profile_of("docker-cgroup1")
    assert (found.memory.limit_bytes, found.memory.budget_bytes) == (4 * GIB, int(3.5 * GIB))
    assert (found.cpu.quota_cores, found.os.container) == (1.5, "docker")


def test_both_spellings_of_unlimited_are_no_limit():
    memory = profile_of("cloud-guest").memory
    assert memory.limit_bytes is None
    assert memory.budget_bytes == memory.available_bytes


@pytest.mark.parametrize(
    ("name", "severity", "what", "fix"),
    [
        ("wsl2-rtx", "warning", "built without CUDA", "-DGGML_CUDA=on"),
        ("two-amd-cards", "warning", "built without ROCm", "-DGGML_HIP=on"),
        ("mi300x-node", "note", "does not list AMD Instinct MI300X", "HIP_VISIBLE_DEVICES"),
        ("intel-arc", "warning", "built without Vulkan", "-DGGML_VULKAN=on"),
        ("nvidia-driver-stopped", "warning", "couldn't communicate", "nvidia-smi"),
        ("nvidia-without-driver", "warning", "no NVIDIA driver", "install the NVIDIA driver"),
        ("wsl2-bare", "note", "under WSL", "wsl --shutdown"),
        ("intel-mac", "note", "Apple silicon only", ""),
        ("core-crashes", "error", "SIGILL", "-DGGML_NATIVE=off"),
        ("core-crashes", "warning", "no AVX2", "labkit recommend"),
        ("core-crashes", "warning", "only 1.1 GiB", "labkit doctor"),
        ("windows-two-vendors", "error", "not installed", "pip install llama-cpp-python"),
        ("kubernetes-pod", "warning", "limits memory to 8.0 GiB", "resources.limits.memory"),
        ("docker-cgroup1", "note", "1.5 of 8 cores", "--cpus"),
        ("cloud-guest", "warning", "load average 3.5 on 4 cores", "top"),
        ("apple-m4", "note", "has matmul_int8", "-DGGML_NATIVE=on"),
    ],
)
def test_a_problem_is_found_and_says_what_to_type(name, severity, what, fix):
    found = [problem for problem in problems_of(name) if what in problem.what]
    assert [problem.severity for problem in found] == [severity]
    assert fix in found[0].fix


@pytest.mark.parametrize("name", ["rtx-4090-desktop", "gb10-unified"])
def test_a_machine_in_order_has_no_problem(name):
    assert not problems_of(name)


def test_a_board_and_a_hypervisor_are_named():
    assert profile_of("raspberry-pi-4").os.board == "Raspberry Pi 4 Model B Rev 1.5"
    assert profile_of("cloud-guest").os.hypervisor == "KVM"
    assert profile_of("kubernetes-pod").os.hypervisor == "KVM (Amazon EC2)"
