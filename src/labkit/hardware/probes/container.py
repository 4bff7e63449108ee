"""The container that labkit runs in, by the marks that each runtime leaves."""

import re

from labkit.hardware.source import Source

# Runtime that systemd and others name here.
_NAMES = ("/run/systemd/container", "/run/host/container-manager")
# Mark in a group's path -> name. With a group namespace the path is "/", and the mounts have the marks.
_GROUPS = (
    (r"[/:-]kubepods", "kubernetes"),
    (r":/ecs/", "ecs"),
    (r"/docker[-/][0-9a-f]", "docker"),
    (r"libpod-", "podman"),
    (r":/lxc[./]|:/\.lxc$", "lxc"),
    (r"cri-containerd-", "containerd"),
)
_MOUNTS = (
    (r"/var/lib/kubelet/|/kubernetes\.io~", "kubernetes"),
    (r"/var/lib/docker/|/docker/containers/", "docker"),
    (r"/containers/storage/", "podman"),
    (r"io\.containerd", "containerd"),
)
# lxcfs puts its files over those of /proc in a container; its host has them in /var/lib/lxcfs alone.
_LXC_MOUNT = re.compile(r"^\S+ \S+ \S+ \S+ /proc/\S+ .* - fuse\.lxcfs ", re.MULTILINE)


def probe_container(source: Source) -> str | None:
    """Its runtime's name; None outside of containers and where nothing tells."""
    groups = source.read("/proc/self/cgroup") or ""
    by_group = next((name for mark, name in _GROUPS if re.search(mark, groups, re.MULTILINE)), None)
    if by_group == "kubernetes":
        return by_group
    mounts = source.read("/proc/self/mountinfo") or ""
    by_mount = next((name for mark, name in _MOUNTS if re.search(mark, mounts)), None)
    if by_mount == "kubernetes":
        return by_mount
    if source.read("/run/.containerenv") is not None:
        return "podman"
    if source.read("/.dockerenv") is not None and by_group != "ecs":
        return "docker"
    if _LXC_MOUNT.search(mounts):
        return "lxc"
    return by_group or _stated(source) or (by_mount if _root_is_overlay(mounts) else None)


def _stated(source: Source) -> str | None:
    """What the runtime wrote; WSL writes its own name there, and is none."""
    names = ((source.read(path) or "").strip() for path in _NAMES)
    return next((name for name in names if name and name != "wsl"), None)


def _root_is_overlay(mounts: str) -> bool:
    """Whether `/` is a container's: a host that runs containers has their mounts as well."""
    return bool(re.search(r"^\d+ \d+ \S+ \S+ / .* - (overlay|fuse-overlayfs|zfs|btrfs) ", mounts, re.MULTILINE))
