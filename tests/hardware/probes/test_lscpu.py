import json

import pytest

from labkit.hardware.probes.lscpu import parse_lscpu

NEW = """\
Architecture:                            x86_64
  CPU op-mode(s):                        32-bit, 64-bit
CPU(s):                                  16
  On-line CPU(s) list:                   0-15
Vendor ID:                               AuthenticAMD
  BIOS Vendor ID:                        Advanced Micro Devices, Inc.
  Model name:                            AMD Ryzen 7 7700 8-Core Processor
    BIOS Model name:                     AMD Ryzen 7 7700 8-Core Processor               Unknown CPU @ 3.8GHz
    CPU family:                          25
    Thread(s) per core:                  2
    Core(s) per socket:                  8
    Socket(s):                           1
    Flags:                               fpu sse2 pni ssse3 fma avx f16c avx2 bmi2 avx512f avx512_bf16 avx512_vnni
Caches (sum of all):
  L1d:                                   256 KiB (8 instances)
  L2:                                    8 MiB (8 instances)
  L3:                                    32 MiB (1 instance)
NUMA:
  NUMA node(s):                          1
  NUMA node0 CPU(s):                     0-15
"""
OLD = """\
Architecture:          x86_64
CPU(s):                32
On-line CPU(s) list:   0-31
Thread(s) per core:    2
Core(s) per socket:    8
Socket(s):             2
NUMA node(s):          2
Vendor ID:             GenuineIntel
Model name:            Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz
L3 cache:              20480K
NUMA node0 CPU(s):     0-7,16-23
NUMA node1 CPU(s):     8-15,24-31
Flags:                 fpu vme sse2 pni ssse3 avx
"""
BIG_LITTLE = """\
Architecture:            aarch64
CPU(s):                  8
  On-line CPU(s) list:   0-7
Vendor ID:               ARM
  Model name:            Cortex-A55
    Thread(s) per core:  1
    Core(s) per socket:  4
    Socket(s):           1
    Flags:               fp asimd asimddp
  Model name:            Cortex-A76
    Thread(s) per core:  1
    Core(s) per socket:  2
    Socket(s):           2
    Flags:               fp asimd asimddp
"""
GERMAN = """\
Architektur:                     x86_64
CPU(s):                          8
Liste der Online-CPU(s):         0-7
Anbieterkennung:                 GenuineIntel
Modellname:                      Intel(R) Core(TM) i7-10510U CPU @ 1.80GHz
Thread(s) pro Kern:              2
Kern(e) pro Sockel:              4
Sockel:                          1
Hypervisor-Anbieter:             KVM
Markierungen:                    fpu sse2 pni ssse3
NUMA-Knoten0 CPU(s):             0-7
"""
CHINESE = """\
架构:                   x86_64
CPU:                     16
厂商 ID:                AuthenticAMD
  型号名称:             AMD Ryzen 7 7840H w/ Radeon 780M Graphics
    每个核的线程数:     2
    每个座的核数:       8
    座:                 1
    标记:               fpu sse2 pni avx512_vnni
""".replace(":", "\uff1a")


def nested(text):
    """The JSON of the same facts."""
    pairs = [line.partition(":") for line in text.splitlines()]
    entries = [{"field": f"{key.strip()}:", "data": value.strip() or None} for key, _, value in pairs]
    return json.dumps({"lscpu": [entries[0], {"field": "Rest:", "data": None, "children": entries[1:]}]}, indent=3)


@pytest.mark.parametrize("text", [NEW, nested(NEW)], ids=["text", "json"])
def test_new_releases(text):
    told = parse_lscpu(text)
    cpu = told.cpu
    assert (cpu.model_name, cpu.vendor) == ("AMD Ryzen 7 7700 8-Core Processor", "AuthenticAMD")
    assert (cpu.physical_cores, cpu.logical_cores, cpu.threads_per_core, cpu.numa_nodes) == (8, 16, 2, 1)
    assert {"avx512", "avx512_bf16", "avx512_vnni"} <= set(cpu.features)
    assert cpu.last_level_cache_bytes == 32 * 1024**2
    assert (told.architecture, told.hypervisor) == ("x86_64", None)


def test_old_releases():
    cpu = parse_lscpu(OLD).cpu
    assert (cpu.physical_cores, cpu.logical_cores, cpu.threads_per_core, cpu.numa_nodes) == (16, 32, 2, 2)
    assert cpu.last_level_cache_bytes == 20 * 1024**2


def test_releases_that_print_the_sum_of_all_caches_without_their_number():
    cpu = parse_lscpu("Socket(s):      2\nL3 cache:       256 MiB\n").cpu
    assert cpu.last_level_cache_bytes == 128 * 1024**2


def test_each_kind_of_core_has_a_section_of_its_own():
    cpu = parse_lscpu(BIG_LITTLE).cpu
    assert cpu.model_name == "Cortex-A55 + Cortex-A76"
    assert (cpu.physical_cores, cpu.performance_cores, cpu.efficiency_cores) == (8, 4, 4)


@pytest.mark.parametrize(("text", "cores"), [(GERMAN, (4, 8, 2)), (CHINESE, (8, 16, 2))], ids=["german", "chinese"])
def test_other_languages(text, cores):
    told = parse_lscpu(text)
    cpu = told.cpu
    assert (cpu.physical_cores, cpu.logical_cores, cpu.threads_per_core) == cores
    assert "sse3" in cpu.features
    assert told.architecture == "x86_64"
    assert cpu.model_name
    assert cpu.vendor


def test_flags_are_found_by_their_words_under_a_key_that_nobody_knows():
    assert parse_lscpu("Drapeaux :     fpu sse2 pni avx2\n").cpu.features == ("sse3", "avx2")


def test_flags_that_a_narrow_terminal_broke_within_and_between_words():
    indent = " " * 24
    text = f"{'Flags:':24}fpu sse2 pni avx avx512_vn\n{indent}ni fma\n{indent}f16c\n"
    assert set(parse_lscpu(text).cpu.features) == {"sse3", "avx", "avx512_vnni", "fma", "f16c"}


def test_only_nodes_with_processors_are_counted():
    nodes = "  NUMA node0 CPU(s):      0-71\n  NUMA node1 CPU(s):\n  NUMA node2 CPU(s):\n"
    told = parse_lscpu(f"NUMA:\n  NUMA node(s):           3\n{nodes}")
    assert (told.cpu.numa_nodes, told.nodes_without_cores) == (1, 2)
    assert told.cpu.logical_cores is None


def test_nodes_are_not_counted_where_some_are_missing():
    told = parse_lscpu("NUMA node(s):  4\nNUMA node0 CPU(s):  0-7\nNUMA node1 CPU(s):\n")
    assert (told.cpu.numa_nodes, told.nodes_without_cores) == (None, 0)


def test_cores_that_are_off_do_not_count():
    assert parse_lscpu("CPU(s):  8\nOn-line CPU(s) list:  0-3\nOff-line CPU(s) list:  4-7\n").cpu.logical_cores == 4


def test_a_count_that_is_too_small_for_the_threads_was_cut():
    kinds = BIG_LITTLE.partition("  Model name:            Cortex-A76")[0]
    cpu = parse_lscpu(kinds).cpu
    assert (cpu.physical_cores, cpu.logical_cores) == (None, 8)


def test_a_dash_is_no_name():
    assert parse_lscpu("Vendor ID:  Qualcomm\nModel name:  -\nSocket(s):  -\n").cpu.model_name is None


@pytest.mark.parametrize("whole", [NEW, OLD, BIG_LITTLE, GERMAN, nested(NEW)])
def test_a_cut_output_says_nothing_that_the_whole_does_not(whole):
    full = parse_lscpu(whole)
    for end in range(0, len(whole), 3):
        cut = parse_lscpu(whole[:end])
        assert cut.architecture in (None, full.architecture)
        assert set(cut.cpu.features) <= set(full.cpu.features)
        for name in ("vendor", "physical_cores", "threads_per_core", "numa_nodes", "last_level_cache_bytes"):
            assert getattr(cut.cpu, name) in (None, getattr(full.cpu, name)), (name, end)
        assert (full.cpu.model_name or "").startswith(cut.cpu.model_name or "")
        assert cut.cpu.logical_cores in (None, full.cpu.logical_cores)
