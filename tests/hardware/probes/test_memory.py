import pytest

from fakes.source import FakeSource, load_machine
from labkit.hardware.probes.cgroup import MemoryLimit
from labkit.hardware.probes.memory import apply_limits, parse_meminfo, probe_memory
from labkit.hardware.profile import Memory
from labkit.hardware.source import SystemCounters

GIB = 1024**3
TOP = "/sys/fs/cgroup"
MEMINFO = """\
MemTotal:       24683660 kB
MemFree:        20243396 kB
MemAvailable:   22863888 kB
Buffers:            7584 kB
Cached:          2625712 kB
SwapTotal:       1048576 kB
HugePages_Total:       0
HugePages_Free:        0
Hugepagesize:       2048 kB
"""


def test_meminfo_is_in_kibibytes():
    text = parse_meminfo(MEMINFO)
    assert (text.physical_bytes, text.available_bytes) == (24683660 * 1024, 22863888 * 1024)
    assert (text.swap_bytes, text.huge_page_bytes) == (GIB, 0)


def test_old_kernels_have_no_estimate_and_files_are_counted_less_what_is_shared():
    old = "MemTotal: 2048 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 200 kB\nShmem: 30 kB\n"
    assert parse_meminfo(old).available_bytes == 320 * 1024


@pytest.mark.parametrize("end", range(0, len(MEMINFO), 3))
def test_a_cut_text_says_nothing_that_the_whole_does_not(end):
    full, cut = parse_meminfo(MEMINFO), parse_meminfo(MEMINFO[:end])
    for name in ("physical_bytes", "available_bytes", "swap_bytes"):
        assert getattr(cut, name) in (None, getattr(full, name))


@pytest.mark.parametrize("line", ["MemTotal: 12 k", "MemTotal: 12", "MemTotal: x kB", "MemTotal:", "MemTotal: -1 kB"])
def test_sizes_without_their_unit_are_unknown(line):
    assert parse_meminfo(line + "\n").physical_bytes is None


def test_the_hard_limit_is_shown_and_the_budget_keeps_within_the_soft_one():
    limits = (
        MemoryLimit("/a/memory.max", 8 * GIB, GIB, 7 * GIB),
        MemoryLimit("/a/memory.high", 6 * GIB, GIB, 5 * GIB, soft=True),
    )
    memory = apply_limits(Memory(physical_bytes=32 * GIB, available_bytes=20 * GIB), limits)
    assert (memory.limit_bytes, memory.limit_source, memory.budget_bytes) == (8 * GIB, "/a/memory.max", 5 * GIB)
    only_soft = apply_limits(Memory(physical_bytes=32 * GIB, available_bytes=4 * GIB), limits[1:])
    assert (only_soft.limit_source, only_soft.budget_bytes) == ("/a/memory.high", 4 * GIB)


def test_a_task_is_limited_by_the_group_above():
    memory = probe_memory(load_machine("graviton-ecs-task")).value
    assert memory.limit_bytes == 4 * GIB
    assert memory.budget_bytes == 4 * GIB - GIB + GIB // 4  # a quarter of what is used can be dropped


def test_a_lone_limit_is_the_process_own():
    memory = probe_memory(FakeSource(files={f"{TOP}/memory.max": "209715200\n", f"{TOP}/memory.current": "17825792\n"}))
    assert (memory.value.limit_bytes, memory.value.current_bytes) == (209715200, 17825792)
    assert memory.sources["limit_bytes"].source == "control group"


def test_a_groups_swap_is_not_more_than_it_may_take():
    files = {"/proc/meminfo": MEMINFO, "/proc/self/cgroup": "0::/a\n", f"{TOP}/a/memory.swap.max": "4096\n"}
    found = probe_memory(FakeSource(files=files))
    assert (found.value.swap_bytes, found.sources["swap_bytes"].source) == (4096, "control group")


def test_huge_pages_that_nobody_uses_are_a_note():
    text = MEMINFO.replace("HugePages_Free:        0", "HugePages_Free:     4096")
    (problem,) = probe_memory(FakeSource(files={"/proc/meminfo": text})).problems
    assert "8.0 GiB of memory is set aside as huge pages" in problem.what
    assert probe_memory(FakeSource(files={"/proc/meminfo": MEMINFO})).problems == ()


def test_a_board_with_soldered_memory_has_its_bandwidth_from_the_table():
    found = probe_memory(load_machine("raspberry-pi-4"))
    assert found.value.peak_bandwidth_bytes_per_second == pytest.approx(12.8e9)
    assert found.sources["peak_bandwidth_bytes_per_second"].origin == "table"


def test_psutil_fills_what_no_text_says():
    found = probe_memory(FakeSource("FreeBSD", counters=SystemCounters(total_memory_bytes=GIB)))
    assert (found.value.physical_bytes, found.sources["physical_bytes"].source) == (GIB, "psutil")
