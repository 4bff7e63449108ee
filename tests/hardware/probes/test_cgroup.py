import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.cgroup import parse_memberships, parse_mounts, probe_cpu_quota, probe_memory_limits

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


def test_the_throttling_limit_counts_when_it_is_lower():
    source = version_2("/a", {"/a/memory.max": f"{8 * GIB}", "/a/memory.high": f"{4 * GIB}"})
    (limit,) = probe_memory_limits(source, 16 * GIB)
    assert (limit.path, limit.limit_bytes) == (f"{TOP}/a/memory.high", 4 * GIB)


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
