import json

import pytest

from fakes.source import FakeSource, load_machine
from labkit.hardware.detect import probe_machine
from labkit.hardware.probes import apple
from labkit.hardware.problems import find_problems
from labkit.hardware.source import CommandOutput

GIB = 1024**3
EXCERPT = """\
hw.ncpu: 12
hw.memsize: 25769803776
hw.perflevel0.physicalcpu: 8
hw.perflevel0.l2cachesize: 16777216
hw.perflevel0.name: Performance
hw.perflevel1.physicalcpu: 4
hw.perflevel1.l2cachesize: 4194304
hw.perflevel1.name: Efficiency
hw.optional.arm.FEAT_DotProd: 1
"""


def mac(**commands):
    """A saved Mac: name of a command or report -> its text."""
    starts = {"sysctl": "sysctl", "vm_stat": "vm_stat", "ioreg": "ioreg"}
    outputs = {
        starts.get(name, f"system_profiler -json SP{name}DataType"): CommandOutput(0, text)
        for name, text in commands.items()
    }
    return FakeSource("Darwin", commands=outputs)


@pytest.mark.parametrize("separator", [": ", " = ", "=", " : "])
def test_both_ways_of_writing_sysctl(separator):
    cpu = apple.parse_cpu(apple.parse_sysctl(EXCERPT.replace(": ", separator)))
    assert (cpu.logical_cores, cpu.performance_cores, cpu.efficiency_cores) == (12, 8, 4)
    assert (cpu.last_level_cache_bytes, cpu.features) == (16 * 1024**2, ("dotprod",))


def test_an_excerpt_without_a_brand_leaves_the_chip_unknown():
    found = probe_machine(mac(sysctl=EXCERPT))
    (gpu,) = found.gpus
    assert (found.cpu.model_name, found.cpu.vendor, gpu.name) == (None, "Apple", None)
    assert (gpu.unified, found.memory.physical_bytes) == (True, 24 * GIB)
    assert found.cpu.usable_cores == 8
    assert found.cpu.physical_cores == 12


def test_performance_levels_come_in_any_order_and_number():
    sysctl = {
        "hw.perflevel0.name": "Efficiency", "hw.perflevel0.physicalcpu": "4",
        "hw.perflevel1.name": "Super", "hw.perflevel1.physicalcpu": "2",
        "hw.perflevel2.name": "Performance", "hw.perflevel2.physicalcpu": "6",
    }  # fmt: skip
    cpu = apple.parse_cpu(sysctl)
    assert (cpu.performance_cores, cpu.efficiency_cores) == (8, 4)


def test_levels_without_names_are_of_an_unknown_kind():
    cpu = apple.parse_cpu({"hw.perflevel0.physicalcpu": "8", "hw.perflevel1.physicalcpu": "4"})
    assert (cpu.performance_cores, cpu.efficiency_cores) == (None, None)


def test_classes_are_unknown_while_a_level_is_missing():
    sysctl = {"hw.nperflevels": "2", "hw.perflevel0.name": "Super", "hw.perflevel0.physicalcpu": "6"}
    assert apple.parse_cpu(sysctl).performance_cores is None
    del sysctl["hw.nperflevels"]
    assert apple.parse_cpu(sysctl).performance_cores == 6
    assert apple.parse_cpu({**sysctl, "hw.ncpu": "18"}).performance_cores is None


def test_a_chip_is_not_guessed_from_its_cores():
    cpu = apple.parse_cpu({"hw.ncpu": "12", "hw.optional.arm.FEAT_DotProd": "1"})
    assert (cpu.model_name, cpu.vendor, cpu.features) == (None, "Apple", ("dotprod",))


def test_super_and_performance_cores_leave_none_for_efficiency():
    found = probe_machine(load_machine("apple-m5-max"))
    assert (found.cpu.performance_cores, found.cpu.efficiency_cores) == (18, 0)
    assert (found.os.power_source, found.os.board) == ("battery", "Mac17,7")


def test_the_count_of_gpu_cores_decides_between_chips_of_one_name():
    (gpu,) = probe_machine(load_machine("apple-m5-max")).gpus
    assert (gpu.num_cores, gpu.peak_bandwidth_bytes_per_second) == (40, 614e9)
    overview = '{"SPHardwareDataType": [{"chip_type": "Apple M4 Max"}]}'
    cards = '{"SPDisplaysDataType": [{"_name": "Apple M4 Max", "sppci_cores": "32"}]}'
    (small,) = probe_machine(mac(Hardware=overview, Displays=cards)).gpus
    (unknown,) = probe_machine(mac(Hardware=overview)).gpus
    assert (small.num_cores, small.peak_bandwidth_bytes_per_second) == (32, 410e9)
    assert (unknown.num_cores, unknown.peak_bandwidth_bytes_per_second) == (None, None)


def test_a_living_mac_is_not_asked_for_slow_reports():
    source = load_machine("apple-m5-max")
    probe_machine(source)
    assert not [line for line in source.asked if line.startswith("system_profiler")]


def test_a_translated_process_learns_the_chip_from_the_report():
    found = probe_machine(load_machine("apple-rosetta"))
    (gpu,) = found.gpus
    assert (found.cpu.model_name, found.cpu.vendor, found.os.rosetta) == ("Apple M1", "Apple", True)
    assert (found.cpu.performance_cores, found.cpu.efficiency_cores) == (4, 4)
    assert (gpu.name, gpu.num_cores, gpu.usable) == ("Apple M1", 8, False)


def test_reports_alone_are_enough():
    text = "Hardware:\n\n    Hardware Overview:\n\n      Chip: Apple M1 Pro\n      Memory: 16 GB\n"
    found = probe_machine(mac(Hardware=text))
    (gpu,) = found.gpus
    assert (found.tier, gpu.name, gpu.unified) == ("apple-silicon", "Apple M1 Pro", True)
    assert (found.memory.physical_bytes, gpu.memory_bytes) == (16 * GIB, 16 * GIB * 2 // 3)
    assert "assumption" in found.sources["gpus.0.memory_bytes"].source
    assert [p.what for p in find_problems(found)] == [
        "10.7 GiB for Apple M1 Pro is an assumption: Metal grants two thirds of memory below 36 GB"
    ]
    assert found.sources["memory.physical_bytes"].source == "system_profiler"


def test_memory_of_the_oldest_reports():
    cards = '{"SPDisplaysDataType": [{"_name": "kHW_AppleM1Item", "spdisplays_metalfamily": "spdisplays_mtlgpu'
    memory = json.dumps({"SPMemoryDataType": [{"dimm_type": "lp_ddr4", "SPMemoryDataType": "8 GB"}]})
    found = probe_machine(mac(Displays=cards, Memory=memory))
    (gpu,) = found.gpus
    assert (gpu.name, gpu.unified, found.memory.physical_bytes) == ("Apple M1", True, 8 * GIB)
    assert found.cpu.model_name == "Apple M1"


def test_a_card_of_an_intel_mac_is_listed_and_its_tier_is_the_processor():
    text = (
        "Graphics/Displays:\n\n    Radeon Pro 580:\n\n      Chipset Model: Radeon Pro 580\n      VRAM (Total): 8 GB\n"
    )
    found = probe_machine(mac(Displays=text))
    (gpu,) = found.gpus
    assert (gpu.name, gpu.unified, gpu.memory_bytes) == ("Radeon Pro 580", False, 8 * GIB)
    assert (found.tier, found.memory.physical_bytes, found.cpu.model_name) == ("cpu", None, None)


def test_a_virtual_mac_has_no_known_bandwidth():
    text = EXCERPT + "machdep.cpu.brand_string: Apple M1 (Virtual)\nkern.hv_vmm_present: 1\n"
    found = probe_machine(mac(sysctl=text))
    assert (found.os.hypervisor, found.cpu.model_name) == ("unknown", "Apple M1 (Virtual)")
    assert found.gpus[0].peak_bandwidth_bytes_per_second is None


def test_available_memory_is_not_more_than_there_is():
    stat = "(page size of 16384 bytes)\nPages free: 9999999.\nPages inactive: 9999999.\n"
    assert probe_machine(mac(sysctl=EXCERPT, vm_stat=stat)).memory.available_bytes == 24 * GIB


def test_a_cut_sysctl_says_nothing_that_the_whole_does_not():
    full = probe_machine(mac(sysctl=EXCERPT))
    for end in range(len(EXCERPT)):
        cut = probe_machine(mac(sysctl=EXCERPT[:end]))
        assert cut.memory.physical_bytes in (None, full.memory.physical_bytes)
        for name in ("model_name", "logical_cores", "performance_cores", "efficiency_cores"):
            assert getattr(cut.cpu, name) in (None, getattr(full.cpu, name)), (name, end)
