"""Processor, memory and system probes on pieces of text."""

import pytest

from fakes.source import FakeSource
from labkit.hardware.probes import apple, windows
from labkit.hardware.probes.cpu import parse_cpuinfo, probe_cpu
from labkit.hardware.probes.memory import parse_meminfo
from labkit.hardware.probes.wsl import wsl_version
from labkit.hardware.probes.text import core_list, decimal, first_line, key_values, number, size


def test_x86_cores_are_counted_by_package_and_core():
    one = "processor: {}\nmodel name: X\nphysical id: {}\ncore id: {}\nflags: avx2 pni\n\n"
    text = "".join(one.format(i, i // 4, i // 2 % 2) for i in range(8))
    cpu = parse_cpuinfo(text)
    assert (cpu.logical_cores, cpu.physical_cores, cpu.features) == (8, 4, ("avx2", "sse3"))


def test_an_arm_part_that_no_table_knows_is_unknown():
    cpu = parse_cpuinfo("processor: 0\nCPU implementer: 0x41\nCPU part: 0xfff\nFeatures: asimd asimddp\n")
    assert (cpu.model_name, cpu.vendor, cpu.features) == (None, "Arm", ("neon", "dotprod"))


def test_the_slowest_class_of_arm_cores_is_the_efficient_one():
    capacities = [300, 300, 800, 800, 800, 1024]
    files = {f"/sys/devices/system/cpu/cpu{i}/cpu_capacity": f"{value}\n" for i, value in enumerate(capacities)}
    cpu = probe_cpu(FakeSource(files=files)).value
    assert (cpu.performance_cores, cpu.efficiency_cores) == (4, 2)
    equal = dict.fromkeys(files, "1024\n")
    assert probe_cpu(FakeSource(files=equal)).value.performance_cores is None


def test_physical_cores_are_told_by_their_sibling_threads_where_cpuinfo_says_nothing():
    siblings = ["0-1", "0-1", "2-3", "2-3"]
    files = {
        f"/sys/devices/system/cpu/cpu{i}/topology/thread_siblings_list": f"{text}\n" for i, text in enumerate(siblings)
    }
    assert probe_cpu(FakeSource(files=files)).value.physical_cores == 2


def test_page_counts_without_a_page_size_are_no_memory():
    assert apple.parse_memory({"hw.memsize": "8589934592"}, "Pages free: 100.\n") == (8589934592, None, None)


def test_meminfo_is_in_kibibytes_and_an_old_kernel_has_an_estimate():
    new = parse_meminfo("MemTotal: 2048 kB\nMemAvailable: 1024 kB\nSwapTotal: 0 kB\n")
    old = parse_meminfo("MemTotal: 2048 kB\nMemFree: 100 kB\nCached: 200 kB\n")
    assert (new.physical_bytes, new.available_bytes, new.swap_bytes) == (2048 * 1024, 1024 * 1024, 0)
    assert old.available_bytes == 300 * 1024


def test_performance_levels_come_in_any_order_and_number():
    sysctl = {
        "hw.perflevel0.name": "Efficiency", "hw.perflevel0.physicalcpu": "4",
        "hw.perflevel1.name": "Super", "hw.perflevel1.physicalcpu": "2",
        "hw.perflevel2.name": "Performance", "hw.perflevel2.physicalcpu": "6",
    }  # fmt: skip
    cpu = apple.parse_cpu(sysctl)
    assert (cpu.performance_cores, cpu.efficiency_cores) == (8, 4)


def test_a_chip_is_not_guessed_from_its_cores():
    cpu = apple.parse_cpu({"hw.ncpu": "12", "hw.optional.arm.FEAT_DotProd": "1"})
    assert (cpu.model_name, cpu.vendor, cpu.features) == (None, "Apple", ("dotprod",))


def test_a_cut_displays_report_names_no_card():
    whole = '{"SPDisplaysDataType": [{"sppci_model": "Apple M3 Pro", "spdisplays_vendor": "sppci_vendor_Apple"}]}'
    (gpu,) = apple.parse_displays(whole)
    assert (gpu.name, gpu.vendor, gpu.unified) == ("Apple M3 Pro", "apple", True)
    assert apple.parse_displays(whole[:-3]) == ()


def test_memory_of_a_large_card_is_read_from_64_bits_and_virtual_adapters_are_none():
    key = r"HKEY_LOCAL_MACHINE\SYSTEM\X\{4d36e968}"
    text = (
        f"{key}\\0000\n    DriverDesc    REG_SZ    AMD Radeon PRO V710\n"
        "    HardwareInformation.qwMemorySize    REG_QWORD    0x700000000\n\n"
        f"{key}\\0001\n    DriverDesc    REG_SZ    Virtual Screen\n\n"
        f"{key}\\0002\n    HardwareInformation.qwMemorySize    REG_QWORD    0x40000000\n"
    )
    (gpu,) = windows.parse_adapters(text)
    assert (gpu.name, gpu.vendor, gpu.memory_bytes) == ("AMD Radeon PRO V710", "amd", 0x700000000)


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("5.15.146.1-microsoft-standard-WSL2", 2),
        ("4.4.0-19041-Microsoft", 1),
        ("6.8.0-45-generic", None),
        (None, None),
    ],
)
def test_wsl(release, version):
    assert wsl_version(release) == version


@pytest.mark.parametrize(
    ("text", "cores"), [("0-3,8", {0, 1, 2, 3, 8}), ("5", {5}), ("", None), ("a-b", None), ("0-9999999999", None)]
)
def test_core_lists(text, cores):
    assert core_list(text) == (None if cores is None else frozenset(cores))


def test_numbers():
    assert [number(text) for text in ("12", "0x1f", " 7\n", "x", None, "9" * 30)] == [12, 31, 7, None, None, None]
    assert [decimal(text) for text in ("1.5", "nan", "inf", "")] == [1.5, None, None, None]
    assert [size(text) for text in ("32768K", "1M", "512", "1X")] == [32768 * 1024, 1024**2, 512, None]


def test_lines():
    assert key_values("a: 1\na: 2\nplain\nb:3") == {"a": "1", "b": "3"}
    assert first_line("\n \x1b[31m\n  real text \x07\nmore") == "[31m"
    assert first_line("\n\n  real\x07 text\n") == "real text"
