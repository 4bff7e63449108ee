import pytest

from fakes.source import FakeSource, load_machine
from labkit.hardware.probes.cpu_topology import probe_topology

CPU = "/sys/devices/system/cpu"


def with_files(name, values):
    return {f"{CPU}/cpu{i}/{name}": f"{value}\n" for i, value in enumerate(values)}


def test_the_slowest_class_of_arm_cores_is_the_efficient_one():
    files = with_files("cpu_capacity", [300, 300, 800, 800, 800, 1024])
    cpu = probe_topology(FakeSource(files=files)).cpu
    assert (cpu.performance_cores, cpu.efficiency_cores) == (4, 2)
    equal = probe_topology(FakeSource(files=dict.fromkeys(files, "1024\n"))).cpu
    assert (equal.performance_cores, equal.efficiency_cores) == (None, None)


def test_physical_cores_are_told_by_their_sibling_threads():
    cpu = probe_topology(
        FakeSource(files=with_files("topology/thread_siblings_list", ["0-1", "0-1", "2-3", "2-3"]))
    ).cpu
    assert (cpu.physical_cores, cpu.threads_per_core) == (2, 2)


def test_intel_lists_its_two_kinds():
    files = {
        "/sys/devices/cpu_core/cpus": "0-3\n",
        "/sys/devices/cpu_atom/cpus": "4-7\n",
        **with_files("topology/thread_siblings_list", ["0-1", "0-1", "2-3", "2-3", "4", "5", "6", "7"]),
    }
    cpu = probe_topology(FakeSource(files=files)).cpu
    assert (cpu.performance_cores, cpu.efficiency_cores, cpu.threads_per_core) == (2, 4, 2)


@pytest.mark.parametrize(
    ("clocks", "vendor", "classes"),
    [
        ([5100, 5100, 3300, 3300, 3300], "AuthenticAMD", (2, 3)),
        ([5700, 5500, 5400, 5300], "AuthenticAMD", (None, None)),  # better and worse cores of one kind
        ([5100, 5100, 3300, 3300, 3300], "GenuineIntel", (None, None)),
        ([5100, 3300, 1000], "AuthenticAMD", (None, None)),  # not clear
        ([], "AuthenticAMD", (None, None)),
    ],
)
def test_amds_dense_cores_are_told_by_their_clock_where_it_is_clear(clocks, vendor, classes):
    cpu = probe_topology(FakeSource(files=with_files("cpufreq/cpuinfo_max_freq", clocks)), vendor).cpu
    assert (cpu.performance_cores, cpu.efficiency_cores) == classes


def test_a_laptop_with_dense_cores():
    cpu = probe_topology(load_machine("ryzen-dense-cores"), "AuthenticAMD").cpu
    assert (cpu.physical_cores, cpu.performance_cores, cpu.efficiency_cores) == (12, 4, 8)


@pytest.mark.parametrize(
    ("files", "nodes"),
    [
        ({"has_cpu": "0-1\n", "has_memory": "0-1\n"}, (2, 0)),
        ({"has_cpu": "0\n", "has_memory": "0-2\n"}, (1, 2)),
        ({"node0/cpulist": "0-71\n", "node1/cpulist": "\n", "node2/cpulist": "\n"}, (1, 2)),
        ({"has_cpu": "x\n"}, (None, 0)),
        ({}, (None, 0)),
    ],
)
def test_memory_nodes_count_with_their_processors(files, nodes):
    found = probe_topology(FakeSource(files={f"/sys/devices/system/node/{k}": v for k, v in files.items()}))
    assert (found.cpu.numa_nodes, found.nodes_without_cores) == nodes


def test_the_largest_cache():
    files = {f"{CPU}/cpu0/cache/index{i}/size": text for i, text in enumerate(["32K\n", "1024K\n", "32768K\n"])}
    assert probe_topology(FakeSource(files=files)).cpu.last_level_cache_bytes == 32 * 1024**2
