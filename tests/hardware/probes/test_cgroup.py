import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.cgroup import (
    parse_memberships,
    parse_mounts,
    probe_cpu_quota,
    probe_memory_limits,
    probe_swap_limit,
)

GIB = 1024**3
MOUNT_2 = "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n"
TOP = "/sys/fs/cgroup"


def version_2(group, files, mounts=MOUNT_2):
    paths = {f"{TOP}{path}": text for path, text in files.items()}
    return FakeSource(files={"/proc/self/cgroup": f"0::{group}\n", "/proc/self/mountinfo": mounts, **paths})


def test_memberships_of_both_versions():
    groups = parse_memberships("4:cpu,cpuacct:/a\n3:memory:/b:c\n0::/d\nnonsense\n")
    assert groups == {"cpu": "/a", "cpuacct": "/a", "memory": "/b:c", "": "/d"}


def test_a_mount_with_a_space_in_its_path():
    mount = parse_mounts("29 23 0:26 /a\\040b /sys/fs/my\\040groups rw - cgroup2 cgroup rw\n")[""]
    assert (mount.version, mount.root, mount.mount_point) == (2, "/a b", "/sys/fs/my groups")


def test_the_smallest_limit_on_the_path_is_found_wherever_it_sits():
    source = version_2(
        "/a/b/c", {"/a/b/c/memory.max": "max", "/a/b/memory.max": f"{6 * GIB}", "/a/memory.max": f"{2 * GIB}"}
    )
    limits = probe_memory_limits(source, 16 * GIB)
    assert [(limit.path, limit.limit_bytes) for limit in limits] == [
        (f"{TOP}/a/b/memory.max", 6 * GIB),
        (f"{TOP}/a/memory.max", 2 * GIB),
    ]


def test_a_group_elsewhere_on_the_machine_does_not_count():
    source = version_2("/a", {"/b/memory.max": f"{GIB}", "/a/b/memory.max": f"{GIB}"})
    assert probe_memory_limits(source, 16 * GIB) == ()


def test_the_throttling_limit_is_a_soft_one_beside_the_hard():
    source = version_2("/a", {"/a/memory.max": f"{8 * GIB}", "/a/memory.high": f"{4 * GIB}"})
    limits = probe_memory_limits(source, 16 * GIB)
    assert [(limit.path, limit.limit_bytes, limit.soft) for limit in limits] == [
        (f"{TOP}/a/memory.max", 8 * GIB, False),
        (f"{TOP}/a/memory.high", 4 * GIB, True),
    ]


def test_a_saved_group_below_the_top_is_found_without_the_list_of_mounts():
    files = {
        "/proc/self/cgroup": "0::/user.slice/run-r1.scope\n",
        f"{TOP}/user.slice/run-r1.scope/memory.max": f"{GIB}\n",
    }
    (limit,) = probe_memory_limits(FakeSource(files=files), 16 * GIB)
    assert limit.path == f"{TOP}/user.slice/run-r1.scope/memory.max"


def test_the_root_file_is_not_the_process_own_where_its_group_is_another():
    # The host's group namespace: the top is the machine's, and the container's group lies below.
    files = {
        "/proc/self/cgroup": "0::/system.slice/docker-0123.scope\n",
        f"{TOP}/memory.max": "max\n",
        f"{TOP}/system.slice/docker-0123.scope/memory.max": f"{2 * GIB}\n",
    }
    assert [limit.limit_bytes for limit in probe_memory_limits(FakeSource(files=files), 16 * GIB)] == [2 * GIB]


def test_a_namespaces_root_file_is_the_containers_own():
    source = version_2("/", {"/memory.max": f"{2 * GIB}"})
    assert [limit.limit_bytes for limit in probe_memory_limits(source, 16 * GIB)] == [2 * GIB]


def test_version_1_tells_the_limit_of_groups_out_of_sight():
    files = {
        f"{TOP}/memory/memory.limit_in_bytes": "9223372036854771712\n",
        f"{TOP}/memory/memory.usage_in_bytes": f"{GIB}\n",
        f"{TOP}/memory/memory.stat": f"cache 0\nhierarchical_memory_limit {4 * GIB}\ntotal_inactive_file {GIB // 2}\n",
    }
    (limit,) = probe_memory_limits(FakeSource(files=files), 16 * GIB)
    assert (limit.path, limit.limit_bytes) == (f"{TOP}/memory/memory.stat", 4 * GIB)
    assert limit.headroom_bytes == 4 * GIB - GIB // 2


HYBRID = (
    "31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)


def test_a_hybrid_machine_has_its_memory_in_version_1():
    files = {
        "/proc/self/cgroup": "4:memory:/a\n3:cpu,cpuacct:/a\n0::/a\n",
        "/proc/self/mountinfo": HYBRID,
        f"{TOP}/memory/a/memory.limit_in_bytes": f"{GIB}\n",
        f"{TOP}/unified/a/memory.max": f"{GIB // 2}\n",
        f"{TOP}/cpu,cpuacct/a/cpu.cfs_quota_us": "150000\n",
        f"{TOP}/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
    }
    source = FakeSource(files=files)
    assert [limit.limit_bytes for limit in probe_memory_limits(source, 16 * GIB)] == [GIB]
    assert probe_cpu_quota(source) == 1.5


def test_a_saved_quota_of_version_1_under_its_joined_name():
    files = {
        "/proc/self/cgroup": "10:cpu,cpuacct:/kubepods/pod1\n",
        f"{TOP}/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
        f"{TOP}/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    }
    assert probe_cpu_quota(FakeSource(files=files)) == 0.5


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.swap.max": "max\n"}, None),
        ({"memory.swap.max": "0\n"}, 0),
        ({"memory.swap.max": f"{GIB}\n"}, GIB),
    ],
)
def test_swap_of_version_2(files, limit):
    assert probe_swap_limit(version_2("/a", {f"/a/{name}": text for name, text in files.items()})) == limit


def test_version_1_limits_memory_and_swap_together():
    files = {
        f"{TOP}/memory/memory.limit_in_bytes": f"{GIB}\n",
        f"{TOP}/memory/memory.memsw.limit_in_bytes": f"{3 * GIB}\n",
    }
    assert probe_swap_limit(FakeSource(files=files)) == 2 * GIB


@pytest.mark.parametrize(
    ("current", "stat", "headroom"),
    [
        ("0", "", 4 * GIB),
        (f"{GIB}", "", 3 * GIB),
        (f"{GIB}", f"inactive_file {GIB // 2}\nactive_file {GIB // 4}\nshmem {GIB}\n", 4 * GIB - GIB // 4),
        (f"{GIB}", f"inactive_file {2 * GIB}\n", 4 * GIB),
        (f"{5 * GIB}", "", 0),
        ("garbage", "garbage", 4 * GIB),
    ],
)
def test_headroom_is_the_limit_less_what_is_used_and_cannot_be_given_up(current, stat, headroom):
    files = {"/a/memory.max": f"{4 * GIB}", "/a/memory.current": current, "/a/memory.stat": stat}
    (limit,) = probe_memory_limits(version_2("/a", files), 16 * GIB)
    assert limit.headroom_bytes == headroom


@pytest.mark.parametrize("text", ["max\n", "9223372036854771712", "18446744073709551615", "-1", "", f"{16 * GIB}"])
def test_no_limit_in_every_spelling_and_above_the_memory_there_is(text):
    assert probe_memory_limits(version_2("/a", {"/a/memory.max": text}), 16 * GIB) == ()


@pytest.mark.parametrize(("text", "limit"), [("2147483648", 2 * GIB), ("21474836", None), ("21474836\n", 21474836)])
def test_a_number_that_was_cut_is_no_limit(text, limit):
    found = probe_memory_limits(version_2("/a", {"/a/memory.max": text}), 16 * GIB)
    assert [entry.limit_bytes for entry in found] == ([] if limit is None else [limit])


def test_a_limit_of_zero_is_a_limit():
    (limit,) = probe_memory_limits(version_2("/a", {"/a/memory.max": "0"}), 16 * GIB)
    assert (limit.limit_bytes, limit.headroom_bytes) == (0, 0)


def test_a_group_above_the_namespace_leaves_the_top_of_the_mount():
    source = version_2("/../sibling", {"/memory.max": f"{GIB}"})
    assert [limit.limit_bytes for limit in probe_memory_limits(source, 16 * GIB)] == [GIB]


def test_without_proc_the_usual_places_are_read():
    two = FakeSource(files={f"{TOP}/memory.max": f"{GIB}\n"})
    one = FakeSource(files={f"{TOP}/memory/memory.limit_in_bytes": f"{GIB}\n"})
    assert [limit.limit_bytes for limit in probe_memory_limits(two, None)] == [GIB]
    assert [limit.limit_bytes for limit in probe_memory_limits(one, None)] == [GIB]


@pytest.mark.parametrize(
    ("text", "cores"),
    [("250000 100000", 2.5), ("max 100000", None), ("100000", None), ("0 0", None), ("-1 100000", None)],
)
def test_the_quota_of_version_2(text, cores):
    assert probe_cpu_quota(version_2("/a", {"/a/cpu.max": text})) == cores


def test_the_smallest_quota_over_the_path():
    source = version_2("/a/b", {"/a/b/cpu.max": "400000 100000", "/a/cpu.max": "50000 100000"})
    assert probe_cpu_quota(source) == 0.5
