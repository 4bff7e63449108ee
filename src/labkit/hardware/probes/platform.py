"""The operating system, and what it runs in: WSL, a container, a hypervisor, a translator."""

import re

from labkit.hardware.probes import apple
from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.probes.text import decimal, key_values
from labkit.hardware.profile import OperatingSystem
from labkit.hardware.source import Source

_CONTAINERS = (("docker", "docker"), ("kubepods", "kubernetes"), ("lxc", "lxc"), ("libpod", "podman"))
_HYPERVISORS = {
    "KVM": "KVM", "QEMU": "KVM", "VMware, Inc.": "VMware", "Microsoft Corporation": "Hyper-V", "Xen": "Xen",
    "innotek GmbH": "VirtualBox", "Amazon EC2": "KVM (Amazon EC2)", "Google": "KVM (Google)",
}  # fmt: skip


def probe_platform(source: Source) -> Finding[OperatingSystem]:
    """System, release, and every layer between it and the hardware that can be told."""
    counters = source.counters()
    release = (source.read("/proc/sys/kernel/osrelease") or "").strip() or counters.release
    sysctl = apple.read_sysctl(source) if source.system == "Darwin" else {}
    linux = source.system == "Linux"
    system = OperatingSystem(
        name=source.system,
        release=release,
        architecture=counters.architecture,
        board=_board(source) if linux else None,
        hypervisor=_hypervisor(source) if linux else _mac_hypervisor(sysctl),
        container=_container(source) if linux else None,
        wsl=wsl_version(release) if linux else None,
        python=counters.python,
        python_bits=counters.python_bits,
        rosetta=sysctl.get("sysctl.proc_translated") == "1" if sysctl else None,
        load_average=_load_average(source) if linux else apple.parse_load_average(sysctl),
    )
    return Finding(system, reported_by(system, "operating system"))


def wsl_version(release: str | None) -> int | None:
    """1 or 2 from a kernel release such as "5.15.146.1-microsoft-standard-WSL2"; None outside WSL."""
    text = (release or "").lower()
    if "microsoft" not in text:
        return None
    return 2 if "wsl2" in text or "microsoft-standard" in text else 1


def _board(source: Source) -> str | None:
    text = source.read("/proc/device-tree/model") or key_values(source.read("/proc/cpuinfo")).get("Model", "")
    return text.replace("\0", "").strip() or None


def _hypervisor(source: Source) -> str | None:
    vendor = (source.read("/sys/class/dmi/id/sys_vendor") or "").strip()
    flags = key_values(source.read("/proc/cpuinfo")).get("flags", "").split()
    xen = (source.read("/sys/hypervisor/type") or "").strip()
    if "hypervisor" not in flags and not xen:
        return None
    if xen:
        return xen.capitalize()
    listed = source.run(["lscpu"])
    named = key_values(listed.stdout if listed else None).get("Hypervisor vendor")
    return named or _HYPERVISORS.get(vendor) or "unknown"


def _mac_hypervisor(sysctl: dict[str, str]) -> str | None:
    return "unknown" if sysctl.get("kern.hv_vmm_present") == "1" else None


def _container(source: Source) -> str | None:
    if source.read("/run/.containerenv") is not None:
        return "podman"
    if source.read("/.dockerenv") is not None:
        return "docker"
    groups = source.read("/proc/self/cgroup") or ""
    for mark, name in _CONTAINERS:
        if re.search(rf"[/:]{mark}", groups):
            return name
    return None


def _load_average(source: Source) -> float | None:
    words = (source.read("/proc/loadavg") or "").split()
    return decimal(words[0]) if words else None
