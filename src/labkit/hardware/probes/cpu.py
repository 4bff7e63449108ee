"""The processor: Linux from /proc and /sys, macOS from sysctl, Windows from the registry."""

from dataclasses import replace

from labkit.hardware.probes import apple, windows
from labkit.hardware.probes.cgroup import probe_cpu_quota
from labkit.hardware.probes.cpu_features import arm_core_name, linux_features
from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.probes.text import blocks, core_list, key_values, number, size
from labkit.hardware.profile import Cpu
from labkit.hardware.source import Source

_LINUX_FILES = {
    "affinity_cores": "/proc/self/status",
    "quota_cores": "control group",
    "last_level_cache_bytes": "sysfs",
    "performance_cores": "sysfs",
    "efficiency_cores": "sysfs",
}


def probe_cpu(source: Source) -> Finding[Cpu]:
    """The processor as the system describes it; psutil fills the core counts that no text gives."""
    counters = source.counters()
    if source.system == "Darwin":
        cpu, origin = apple.parse_cpu(apple.read_sysctl(source)), "sysctl"
    elif source.system == "Windows":
        cpu, origin = windows.probe_cpu(source), "Windows registry"
    else:
        cpu, origin = _linux(source), "/proc/cpuinfo"
    filled = replace(
        cpu,
        physical_cores=cpu.physical_cores or counters.physical_cores,
        logical_cores=cpu.logical_cores or counters.logical_cores,
        affinity_cores=cpu.affinity_cores or counters.affinity_cores,
        quota_cores=probe_cpu_quota(source),
    )
    by_psutil = {
        name: "psutil" for name in ("physical_cores", "logical_cores", "affinity_cores") if getattr(cpu, name) is None
    }
    elsewhere = _LINUX_FILES if source.system == "Linux" else {}
    return Finding(filled, reported_by(filled, origin, **{**elsewhere, **by_psutil}))


def parse_cpuinfo(text: str | None) -> Cpu:
    """Model, cores and features from /proc/cpuinfo of x86, Arm and RISC-V. Garbage gives an empty Cpu."""
    processors = [block for block in blocks(text) if "processor" in block]
    if not processors:
        return Cpu()
    first = processors[0]
    vendor, arm_core = arm_core_name(number(first.get("CPU implementer")), number(first.get("CPU part")))
    flags = first.get("flags") or first.get("Features") or ""
    cores = {
        (block["physical id"], block["core id"]) for block in processors if {"physical id", "core id"} <= block.keys()
    }
    return Cpu(
        model_name=first.get("model name") or arm_core or None,
        vendor=first.get("vendor_id") or vendor,
        physical_cores=len(cores) or None,
        logical_cores=len(processors),
        features=linux_features(flags.split()),
    )


def _linux(source: Source) -> Cpu:
    text = source.read("/proc/cpuinfo")
    cpu = parse_cpuinfo(text)
    performance, efficiency = _core_classes(source)
    status = key_values(source.read("/proc/self/status"))
    allowed = core_list(status.get("Cpus_allowed_list"))
    return replace(
        cpu,
        physical_cores=cpu.physical_cores or _physical_from_topology(source),
        performance_cores=performance,
        efficiency_cores=efficiency,
        affinity_cores=len(allowed) if allowed else None,
        last_level_cache_bytes=_last_level_cache(source),
    )


def _physical_from_topology(source: Source) -> int | None:
    # Each core lists its hardware threads, so equal lists are one physical core.
    files = source.glob("/sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list")
    siblings = {text.strip() for path in files if (text := source.read(path))}
    return len(siblings) or None


def _core_classes(source: Source) -> tuple[int | None, int | None]:
    """(performance, efficiency) physical cores: Intel hybrid lists them, Arm gives each core a capacity."""
    fast = core_list(source.read("/sys/devices/cpu_core/cpus"))
    slow = core_list(source.read("/sys/devices/cpu_atom/cpus"))
    if not (fast and slow):
        fast, slow = _by_capacity(source)
    if not (fast and slow):
        return None, None
    return _physical_of(source, fast), _physical_of(source, slow)


def _by_capacity(source: Source) -> tuple[frozenset[int], frozenset[int]]:
    capacity: dict[int, int] = {}
    for path in source.glob("/sys/devices/system/cpu/cpu[0-9]*/cpu_capacity"):
        core = number(path.split("/")[-2].removeprefix("cpu"))
        value = number(source.read(path))
        if core is not None and value is not None:
            capacity[core] = value
    if len(set(capacity.values())) < 2:
        return frozenset(), frozenset()
    # Some chips have three classes: the middle one runs at nearly full speed and counts as fast.
    slowest = min(capacity.values())
    fast = frozenset(core for core, value in capacity.items() if value > slowest)
    return fast, frozenset(capacity) - fast


def _physical_of(source: Source, cores: frozenset[int]) -> int:
    siblings = {
        (source.read(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list") or str(core)).strip()
        for core in cores
    }
    return len(siblings)


def _last_level_cache(source: Source) -> int | None:
    sizes = [size(source.read(path)) for path in source.glob("/sys/devices/system/cpu/cpu0/cache/index*/size")]
    return max((found for found in sizes if found), default=None)
