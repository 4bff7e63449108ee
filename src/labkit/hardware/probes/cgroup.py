"""Control groups, versions 1 and 2: the limits over this process, walked from its group to the root.

A limit may sit on any ancestor (a container's, a pod's, a systemd slice's), so the smallest one over the path
counts, and so does each ancestor's own usage: siblings share its limit. Formats: the kernel's
Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from labkit.hardware.probes.text import key_values, number
from labkit.hardware.source import Source

# Version 1 writes "no limit" as LONG_MAX cut to a page or as ULONG_MAX; nothing real is near either.
_UNLIMITED_FROM = 2**60


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """One group's memory limit. `headroom_bytes`: what can be taken before it is reached, file cache given up."""

    path: str
    limit_bytes: int
    current_bytes: int | None
    headroom_bytes: int


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
        limit = _memory_limit(source, version, folder)
        if limit and limit.limit_bytes < (physical_bytes or _UNLIMITED_FROM):
            limits.append(limit)
    return tuple(limits)


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
    mounts = parse_mounts(source.read("/proc/self/mountinfo")) or _usual_mounts(source, controller)
    for key in (controller, ""):
        mount = mounts.get(key)
        if mount is None or (key == "" and controller in mounts and controller in groups):
            continue
        for folder in _path_to_top(mount, groups.get(key, "/")):
            yield mount.version, folder


def _usual_mounts(source: Source, controller: str) -> dict[str, Mount]:
    if source.read("/sys/fs/cgroup/cgroup.controllers") is not None or source.read("/sys/fs/cgroup/memory.max"):
        return {"": Mount(2, "/sys/fs/cgroup", "/")}
    return {controller: Mount(1, f"/sys/fs/cgroup/{controller}", "/")}


def _path_to_top(mount: Mount, group: str) -> list[str]:
    """Folders from `group` up to the mount's top; the top alone for a group outside it (a bind mount)."""
    top = PurePosixPath(mount.mount_point)
    try:
        inner = PurePosixPath(group).relative_to(mount.root)
    except ValueError:
        return [str(top)]
    return [str(top.joinpath(*inner.parts[:depth])) for depth in range(len(inner.parts), -1, -1)]


def _memory_limit(source: Source, version: int, folder: str) -> MemoryLimit | None:
    names = ("memory.max", "memory.high") if version == 2 else ("memory.limit_in_bytes",)
    found = [(value, name) for name in names if (value := _limit(source.read(f"{folder}/{name}"))) is not None]
    if not found:
        return None
    limit, name = min(found)
    usage = "memory.current" if version == 2 else "memory.usage_in_bytes"
    current = number(source.read(f"{folder}/{usage}"))
    reclaimable = _reclaimable(source.read(f"{folder}/memory.stat"), version)
    used = max(0, (current or 0) - reclaimable)
    return MemoryLimit(f"{folder}/{name}", limit, current, max(0, limit - used))


def _limit(text: str | None) -> int | None:
    value = number(text)  # "max" is no number: no limit
    return value if value is not None and 0 <= value < _UNLIMITED_FROM else None


def _reclaimable(text: str | None, version: int) -> int:
    stat = key_values(text, " ")
    prefix = "" if version == 2 else "total_"
    return sum(number(stat.get(f"{prefix}{name}")) or 0 for name in ("inactive_file", "active_file"))


def _cpu_quota(source: Source, version: int, folder: str) -> float | None:
    if version == 2:
        words = (source.read(f"{folder}/cpu.max") or "").split()
        quota, period = (number(words[0]), number(words[1])) if len(words) == 2 else (None, None)
    else:
        quota = number(source.read(f"{folder}/cpu.cfs_quota_us"))
        period = number(source.read(f"{folder}/cpu.cfs_period_us"))
    return quota / period if quota and period and quota > 0 and period > 0 else None


def _unescape(path: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, char)
    return path
