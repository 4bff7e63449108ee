"""System memory, and the part of it that a model may use."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from labkit.hardware.probes import apple, windows
from labkit.hardware.probes.board import soldered_bandwidth
from labkit.hardware.probes.cgroup import MemoryLimit, probe_memory_limits, probe_swap_limit
from labkit.hardware.probes.finding import Finding
from labkit.hardware.probes.layers import first_known
from labkit.hardware.probes.text import key_values, without_cut_line
from labkit.hardware.profile import FactSource, Memory, Problem
from labkit.hardware.source import Source
from labkit.units import render_bytes

_CONTROL_GROUP = ("limit_bytes", "limit_source", "current_bytes")
# Pages set aside for programs that ask for them by name are worth a word from this share of memory on.
_MANY_HUGE_PAGES = 0.1


@dataclass(frozen=True, slots=True)
class SystemMemory:
    """What one system text says. `huge_page_bytes`: set aside for programs that ask for huge pages, and not in use."""

    physical_bytes: int | None = None
    available_bytes: int | None = None
    swap_bytes: int | None = None
    huge_page_bytes: int | None = None


def probe_memory(source: Source) -> Finding[Memory]:
    """Physical, available and limited memory, and the budget: what is free within every limit."""
    memory, sources, huge = _system(source)
    memory, sources = _with_bandwidth(source, memory, sources)
    limits = probe_memory_limits(source, memory.physical_bytes) if source.system == "Linux" else ()
    limited = apply_limits(memory, limits)
    for name in _CONTROL_GROUP:
        if getattr(limited, name) is not None:
            sources[name] = FactSource("reported", "control group")
    if limited.budget_bytes is not None:
        sources["budget_bytes"] = FactSource("reported", "least of available memory and each control group's headroom")
    return Finding(limited, sources, tuple(_problems(limited, huge)))


def apply_limits(memory: Memory, limits: tuple[MemoryLimit, ...]) -> Memory:
    """Memory with its smallest limit and its budget: min(available, headroom of every group over the path).

    A soft limit is shown where there is no hard one; the budget keeps within both.
    """
    headrooms = [limit.headroom_bytes for limit in limits]
    known = [memory.available_bytes] if memory.available_bytes is not None else []
    budget = min(known + headrooms, default=None)
    if not limits:
        return replace(memory, budget_bytes=budget)
    tightest = min(limits, key=lambda limit: (limit.soft, limit.limit_bytes))
    return replace(
        memory,
        limit_bytes=tightest.limit_bytes,
        limit_source=tightest.path,
        current_bytes=tightest.current_bytes,
        budget_bytes=budget,
    )


def parse_meminfo(text: str | None) -> SystemMemory:
    """From /proc/meminfo, whose "kB" are KiB.

    Kernels before 3.14 have no MemAvailable: what is free or holds files is near it, less shared memory, which the
    kernel counts as cache and cannot drop. The line comes before those of the cache, so a text that was cut is told.
    """
    values = key_values(without_cut_line(text))
    available = _kib(values, "MemAvailable")
    free, buffers, cached = (_kib(values, name) for name in ("MemFree", "Buffers", "Cached"))
    if available is None and free is not None and cached is not None:
        available = max(free, free + (buffers or 0) + cached - (_kib(values, "Shmem") or 0))
    page, pages = _kib(values, "Hugepagesize"), values.get("HugePages_Free", "")
    huge = page * int(pages) if page is not None and pages.isdecimal() else None
    return SystemMemory(_kib(values, "MemTotal"), available, _kib(values, "SwapTotal"), huge)


def _system(source: Source) -> tuple[Memory, dict[str, FactSource], int | None]:
    """(memory without limits, sources, unused huge pages): each fact from the system's text, else from psutil."""
    counters = source.counters()
    counted = Memory(
        physical_bytes=counters.total_memory_bytes,
        available_bytes=counters.available_memory_bytes,
        swap_bytes=counters.swap_bytes,
    )
    if source.system == "Darwin":
        memory, sources = first_known([*apple.memory_layers(source), (counted, "psutil")])
        return memory, sources, None
    if source.system == "Windows":
        memory, sources = first_known([*windows.memory_layers(source), (counted, "psutil")])
        return memory, sources, None
    text = parse_meminfo(source.read("/proc/meminfo"))
    told = Memory(text.physical_bytes, text.available_bytes, text.swap_bytes)
    memory, sources = first_known([(told, "/proc/meminfo"), (counted, "psutil")])
    granted = probe_swap_limit(source) if source.system == "Linux" else None
    if granted is not None and memory.swap_bytes is not None and granted < memory.swap_bytes:
        memory, sources["swap_bytes"] = replace(memory, swap_bytes=granted), FactSource("reported", "control group")
    return memory, sources, text.huge_page_bytes


def _with_bandwidth(
    source: Source, memory: Memory, sources: dict[str, FactSource]
) -> tuple[Memory, dict[str, FactSource]]:
    found = soldered_bandwidth(source) if source.system == "Linux" else None
    if found is None:
        return memory, sources
    peak, fact = found
    return (
        replace(memory, peak_bandwidth_bytes_per_second=peak),
        {**sources, "peak_bandwidth_bytes_per_second": fact},
    )


def _problems(memory: Memory, huge: int | None) -> Iterator[Problem]:
    if huge and memory.physical_bytes and huge > _MANY_HUGE_PAGES * memory.physical_bytes:
        what = f"{render_bytes(huge)} of memory is set aside as huge pages, which models do not use"
        yield Problem("note", what, "give it back: sudo sysctl vm.nr_hugepages=0")


def _kib(values: dict[str, str], key: str) -> int | None:
    words = values.get(key, "").split()
    return int(words[0]) * 1024 if len(words) == 2 and words[0].isdecimal() and words[1] == "kB" else None
