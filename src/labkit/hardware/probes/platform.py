"""The operating system, and what it runs in: WSL, a container, a hypervisor, a translator."""

import re

from labkit.hardware.probes import apple
from labkit.hardware.probes.board import board_name
from labkit.hardware.probes.container import probe_container
from labkit.hardware.probes.cpu import ask_lscpu
from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.probes.power import probe_power
from labkit.hardware.probes.text import decimal, key_values
from labkit.hardware.probes.wsl import probe_wsl
from labkit.hardware.profile import OperatingSystem
from labkit.hardware.source import Source

_VENDORS = {
    "KVM": "KVM", "QEMU": "KVM", "VMware, Inc.": "VMware", "Microsoft Corporation": "Hyper-V",
    "Xen": "Xen", "innotek GmbH": "VirtualBox", "Oracle Corporation": "VirtualBox", "Amazon EC2": "KVM (Amazon EC2)",
    "Google": "KVM (Google)", "DigitalOcean": "KVM (DigitalOcean)", "Hetzner": "KVM (Hetzner)",
    "Alibaba Cloud": "KVM (Alibaba Cloud)", "OpenStack Foundation": "KVM (OpenStack)", "Parallels": "Parallels",
    "Parallels International GmbH.": "Parallels", "Apple Inc.": "Apple Virtualization",
}  # fmt: skip
# Of these makers each machine is a virtual one, so their name needs no flag of the processor beside it. Microsoft
# and Google sell computers too, and Apple's name on a Linux machine may be that of a Mac.
_ALWAYS_VIRTUAL = {"QEMU", "VMware, Inc.", "Xen", "innotek GmbH", "DigitalOcean", "OpenStack Foundation", "KVM"}
_DMI = "/sys/class/dmi/id"
# `uname -a`, saved in place of the release: "Linux <host> <release> #1 SMP ... x86_64 GNU/Linux".
_UNAME = re.compile(r"Linux \S+ (\S+) .*?\b(x86_64|aarch64|armv\w+|riscv64|ppc64le|s390x|i686)?(?: GNU/Linux)?\s*")
_VERSION = re.compile(r"Linux version (\S+)\s")


def probe_platform(source: Source) -> Finding[OperatingSystem]:
    """System, release, and every layer between it and the hardware that can be told."""
    counters = source.counters()
    sysctl = apple.read_sysctl(source) if source.system == "Darwin" else {}
    linux = source.system == "Linux"
    release, architecture = _linux_release(source) if linux else _mac_release(sysctl)
    release = release or counters.release
    system = OperatingSystem(
        name=source.system,
        release=release,
        architecture=counters.architecture or architecture or (_linux_architecture(source) if linux else None),
        board=board_name(source) if linux else _mac_model(source, sysctl),
        hypervisor=_hypervisor(source) if linux else _mac_hypervisor(sysctl),
        container=probe_container(source) if linux else None,
        wsl=probe_wsl(source, release) if linux else None,
        python=counters.python,
        python_bits=counters.python_bits,
        rosetta=sysctl.get("sysctl.proc_translated") == "1" if sysctl else None,
        load_average=_load_average(source) if linux else apple.parse_load_average(sysctl),
        power_source=probe_power(source),
    )
    return Finding(system, reported_by(system, "operating system"))


def _linux_release(source: Source) -> tuple[str | None, str | None]:
    """(kernel release, architecture where a saved text says it)."""
    text = (source.read("/proc/sys/kernel/osrelease") or "").strip()
    if match := _UNAME.fullmatch(text):
        return match[1], match[2]
    version = _VERSION.match(source.read("/proc/version") or "")
    return text or (version[1] if version else None), None


def _linux_architecture(source: Source) -> str | None:
    """Of a saved machine: what its processor's text is of."""
    values = key_values(source.read("/proc/cpuinfo"))
    if "lm" in values.get("flags", "").split():
        return "x86_64"
    if values.get("CPU architecture", "").startswith(("8", "AArch64")):
        return "aarch64"
    return ask_lscpu(source).architecture


def _mac_release(sysctl: apple.Sysctl) -> tuple[str | None, str | None]:
    chip = "arm64" if apple.is_apple_silicon(sysctl) else "x86_64" if apple.brand(sysctl) else None
    return sysctl.get("kern.osrelease"), chip


def _mac_model(source: Source, sysctl: apple.Sysctl) -> str | None:
    if source.system != "Darwin":
        return None
    return sysctl.get("hw.model") or apple.read_hardware(source).model


def _hypervisor(source: Source) -> str | None:
    """The hypervisor's name; "unknown" where the processor says that there is one and nothing names it."""
    values = key_values(source.read("/proc/cpuinfo"))
    if xen := (source.read("/sys/hypervisor/type") or "").strip():
        return xen.capitalize()
    maker = (source.read(f"{_DMI}/sys_vendor") or "").strip()
    product = (source.read(f"{_DMI}/product_name") or "").strip()
    if "flags" in values and "hypervisor" not in values["flags"].split():
        return None
    if maker in _ALWAYS_VIRTUAL or _is_cloud_machine(maker, product):
        return _VENDORS[maker]
    if "hypervisor" in values.get("flags", "").split():
        return ask_lscpu(source).hypervisor or _VENDORS.get(maker) or "unknown"
    if "linux,dummy-virt" in (source.read("/proc/device-tree/compatible") or ""):
        return "KVM"
    return ask_lscpu(source).hypervisor if not values or not maker else None


def _is_cloud_machine(maker: str, product: str) -> bool:
    """Machines of a cloud by their product; rented whole ones have the same maker ("m5.metal")."""
    if maker == "Amazon EC2":
        return "metal" not in product
    return (maker, product) in {
        ("Google", "Google Compute Engine"),
        ("Microsoft Corporation", "Virtual Machine"),
        ("Alibaba Cloud", "Alibaba Cloud ECS"),
        ("Hetzner", "vServer"),
    } or (maker == "Apple Inc." and "Virtualization" in product)


def _mac_hypervisor(sysctl: apple.Sysctl) -> str | None:
    if sysctl.get("kern.hv_vmm_present") == "1" or "(Virtual)" in sysctl.get("machdep.cpu.brand_string", ""):
        return "unknown"
    return None


def _load_average(source: Source) -> float | None:
    words = (source.read("/proc/loadavg") or "").split()
    return decimal(words[0]) if words else None
