"""Control groups, versions 1 and 2: the limits over this process, walked from its group to the root.

A limit may sit on any ancestor (a container's, a pod's, a systemd slice's), so the smallest one over the path
counts, and so does each ancestor's own usage: siblings share its limit. Formats: the kernel's
Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from labkit.hardware.probes.text import key_values, number, without_cut_line
from labkit.hardware.source import Source

# Version 1 writes "no limit" as LONG_MAX cut to a page or as ULONG_MAX; nothing real is near either.
_UNLIMITED_FROM = 2**60
_PAGE = 4096
_TOP = "/sys/fs/cgroup"
_LIMITS = {1: ("memory.limit_in_bytes",), 2: ("memory.max", "memory.high")}
_USAGE = {1: "memory.usage_in_bytes", 2: "memory.current"}


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """One group's memory limit.

    Attributes:
        headroom_bytes: what can be taken before it is reached, file cache given up.
        soft: beyond it the kernel slows the group down (memory.high); beyond a hard one it ends a process.
    """

    path: str
    limit_bytes: int
    current_bytes: int | None
    headroom_bytes: int
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a controller's tree is mounted, and which group is that mount's top."""

    version: int
    mount_point: str
    root: str


def probe_memory_limits(source: Source, physical_bytes: int | None) -> tuple[MemoryLimit, ...]:
    """Every limit below `physical_bytes` over this process, from its own group up. Empty when there is none."""
    limits: list[MemoryLimit] = []
    for version, folder in _folders(source, "memory"):
        limits += _limits_of_group(source, version, folder)
    return tuple(limit for limit in limits if limit.limit_bytes < (physical_bytes or _UNLIMITED_FROM))


def probe_swap_limit(source: Source) -> int | None:
    """The least swap space granted over the path; None without a limit."""
    limits: list[int] = []
    for version, folder in _folders(source, "memory"):
        if version == 2:
            granted = _limit(source.read(f"{folder}/memory.swap.max"))
        else:  # version 1 limits memory and swap together
            both = _limit(source.read(f"{folder}/memory.memsw.limit_in_bytes"))
            memory = _limit(source.read(f"{folder}/memory.limit_in_bytes"))
            granted = max(0, both - memory) if both is not None and memory is not None else None
        if granted is not None:
            limits.append(granted)
    return min(limits, default=None)


def probe_cpu_quota(source: Source) -> float | None:
    """Processor time granted, in cores: the smallest quota over the path. None without one."""
    quotas = [_cpu_quota(source, version, folder) for version, folder in _folders(source, "cpu")]
    return min((quota for quota in quotas if quota), default=None)


def parse_memberships(text: str | None) -> dict[str, str]:
    """Controller -> group path from /proc/self/cgroup; version 2 has the key ""."""
    groups: dict[str, str] = {}
    for line in (text or "").splitlines():
        parts = line.strip().split(":", 2)
        if len(parts) == 3:
            for controller in parts[1].split(","):
                groups[controller] = parts[2]
    return groups


def parse_mounts(text: str | None) -> dict[str, Mount]:
    """Controller -> mount from /proc/self/mountinfo; version 2 has the key ""."""
    mounts: dict[str, Mount] = {}
    for line in (text or "").splitlines():
        left, found, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if not found or len(fields) < 5 or len(kind) < 3:
            continue
        root, mount_point = (_unescape(part) for part in fields[3:5])
        if kind[0] == "cgroup2":
            mounts.setdefault("", Mount(2, mount_point, root))
        elif kind[0] == "cgroup":
            for option in kind[2].split(","):
                mounts.setdefault(option, Mount(1, mount_point, root))
    return mounts


def _folders(source: Source, controller: str) -> Iterator[tuple[int, str]]:
    """(version, folder) of this process's group and each of its ancestors, innermost first."""
    groups = parse_memberships(source.read("/proc/self/cgroup"))
    mounts = parse_mounts(source.read("/proc/self/mountinfo")) or _usual_mounts(source, groups, controller)
    for key in (controller, ""):
        mount = mounts.get(key)
        if mount is None or (key == "" and controller in mounts and controller in groups):
            continue
        for folder in _path_to_top(mount, groups.get(key, "/")):
            yield mount.version, folder


def _usual_mounts(source: Source, groups: dict[str, str], controller: str) -> dict[str, Mount]:
    """Where systems mount the trees, for when the list of mounts is not there: saved machines seldom have it."""
    if controller in groups:
        return _mounts_of_version_1(source, controller)
    if "" in groups or _first_there(source, f"{_TOP}/cgroup.controllers", f"{_TOP}/memory.max", f"{_TOP}/cpu.max"):
        return {"": Mount(2, _TOP, "/")}
    return _mounts_of_version_1(source, controller)


def _mounts_of_version_1(source: Source, controller: str) -> dict[str, Mount]:
    names = {"cpu": ("cpu", "cpu,cpuacct", "cpuacct,cpu")}.get(controller, (controller,))
    for name in names:
        if source.glob(f"{_TOP}/{name}/*"):
            return {controller: Mount(1, f"{_TOP}/{name}", "/")}
    return {controller: Mount(1, f"{_TOP}/{names[0]}", "/")}


def _first_there(source: Source, *paths: str) -> bool:
    return any(source.read(path) is not None for path in paths)


def _path_to_top(mount: Mount, group: str) -> list[str]:
    """Folders from `group` up to the mount's top; the top alone for a group outside it (a bind mount)."""
    top = PurePosixPath(mount.mount_point)
    try:
        inner = PurePosixPath(group).relative_to(mount.root)
    except ValueError:
        return [str(top)]
    return [str(top.joinpath(*inner.parts[:depth])) for depth in range(len(inner.parts), -1, -1)]


def _limits_of_group(source: Source, version: int, folder: str) -> list[MemoryLimit]:
    stat = key_values(without_cut_line(source.read(f"{folder}/memory.stat")), " ")
    found = {name: _limit(source.read(f"{folder}/{name}")) for name in _LIMITS[version]}
    if version == 1:  # its statistics tell the smallest limit of the groups above, also of those out of sight
        found["memory.stat"] = _limit(stat.get("hierarchical_memory_limit"))
        found = dict(sorted(found.items(), key=lambda entry: _UNLIMITED_FROM if entry[1] is None else entry[1])[:1])
    current = _pages(source.read(f"{folder}/{_USAGE[version]}"))
    used = max(0, (current or 0) - _reclaimable(stat, version))
    return [
        MemoryLimit(f"{folder}/{name}", size, current, max(0, size - used), soft=name == "memory.high")
        for name, size in found.items()
        if size is not None
    ]


def _limit(text: str | None) -> int | None:
    value = _pages(text)  # "max" is no number: no limit
    return value if value is not None and value < _UNLIMITED_FROM else None


def _pages(text: str | None) -> int | None:
    """Bytes. The kernel counts whole pages and ends its line: a number that does neither was cut."""
    value = number(text)
    whole = (text or "").endswith("\n") or (value is not None and value % _PAGE == 0)
    return value if value is not None and value >= 0 and whole else None


def _reclaimable(stat: dict[str, str], version: int) -> int:
    prefix = "" if version == 2 else "total_"
    return sum(number(stat.get(f"{prefix}{name}")) or 0 for name in ("inactive_file", "active_file"))


def _cpu_quota(source: Source, version: int, folder: str) -> float | None:
    if version == 2:
        words = (source.read(f"{folder}/cpu.max") or "").split()
        quota, period = (number(words[0]), number(words[1])) if len(words) == 2 else (None, None)
    else:
        quota = number(source.read(f"{folder}/cpu.cfs_quota_us"))
        period = number(source.read(f"{folder}/cpu.cfs_period_us"))
    # The kernel takes no less than a millisecond for either, and no more than a second for the period.
    return quota / period if quota and period and quota >= 1000 and 1000 <= period <= 1_000_000 else None


def _unescape(path: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, char)
    return path
