"""System memory, and the part of it that a model may use."""

from dataclasses import dataclass, replace

from labkit.hardware.probes import apple
from labkit.hardware.probes.cgroup import MemoryLimit, probe_memory_limits
from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.probes.text import key_values
from labkit.hardware.profile import FactSource, Memory
from labkit.hardware.source import Source


@dataclass(frozen=True, slots=True)
class SystemMemory:
    """What one system text says."""

    physical_bytes: int | None = None
    available_bytes: int | None = None
    swap_bytes: int | None = None


def probe_memory(source: Source) -> Finding[Memory]:
    """Physical, available and limited memory, and the budget: what is free within every limit."""
    if source.system == "Darwin":
        sysctl = apple.read_sysctl(source)
        stat = source.run(["vm_stat"])
        text = SystemMemory(*apple.parse_memory(sysctl, stat.stdout if stat else None))
        origin = "sysctl and vm_stat"
    else:
        text, origin = parse_meminfo(source.read("/proc/meminfo")), "/proc/meminfo"
    counters = source.counters()
    memory = Memory(
        physical_bytes=_first(text.physical_bytes, counters.total_memory_bytes),
        available_bytes=_first(text.available_bytes, counters.available_memory_bytes),
        swap_bytes=_first(text.swap_bytes, counters.swap_bytes),
    )
    by_psutil = {
        name: "psutil" for name in ("physical_bytes", "available_bytes", "swap_bytes") if getattr(text, name) is None
    }
    sources = reported_by(memory, origin, **by_psutil)
    limited = apply_limits(memory, probe_memory_limits(source, memory.physical_bytes))
    for name in ("limit_bytes", "limit_source", "current_bytes"):
        if getattr(limited, name) is not None:
            sources[name] = FactSource("reported", "control group")
    if limited.budget_bytes is not None:
        sources["budget_bytes"] = FactSource("reported", "least of available memory and each control group's headroom")
    return Finding(limited, sources)


def apply_limits(memory: Memory, limits: tuple[MemoryLimit, ...]) -> Memory:
    """Memory with its smallest limit and its budget: min(available, headroom of every group over the path)."""
    headrooms = [limit.headroom_bytes for limit in limits]
    known = [memory.available_bytes] if memory.available_bytes is not None else []
    budget = min(known + headrooms, default=None)
    if not limits:
        return replace(memory, budget_bytes=budget)
    tightest = min(limits, key=lambda limit: limit.limit_bytes)
    return replace(
        memory,
        limit_bytes=tightest.limit_bytes,
        limit_source=tightest.path,
        current_bytes=tightest.current_bytes,
        budget_bytes=budget,
    )


def parse_meminfo(text: str | None) -> SystemMemory:
    """From /proc/meminfo, whose "kB" are KiB. Kernels before 3.14 have no MemAvailable: free + cached is near."""
    values = key_values(text)
    available = _kib(values, "MemAvailable")
    free, cached = _kib(values, "MemFree"), _kib(values, "Cached")
    if available is None and free is not None and cached is not None:
        available = free + cached
    return SystemMemory(_kib(values, "MemTotal"), available, _kib(values, "SwapTotal"))


def _kib(values: dict[str, str], key: str) -> int | None:
    words = values.get(key, "").split()
    return int(words[0]) * 1024 if words and words[0].isdecimal() else None


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
