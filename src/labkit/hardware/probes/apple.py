"""macOS: sysctl, and system_profiler for what sysctl did not say (a saved machine, a translated process, a card).

On Apple silicon the GPU is the chip and its memory is the system's. Formats: sysctl(8), ioreg(8).
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from labkit.hardware.probes import apple_memory
from labkit.hardware.probes.apple_profiler import (
    ProfilerHardware,
    is_apple_chip,
    parse_displays,
    parse_hardware,
    parse_installed_memory,
)
from labkit.hardware.probes.cpu_features import darwin_features
from labkit.hardware.probes.finding import Finding, facts_of, reported_by
from labkit.hardware.probes.text import decimal, number, without_cut_line
from labkit.hardware.profile import Cpu, FactSource, Gpu, Memory
from labkit.hardware.source import Source, printed

Sysctl = dict[str, str]

# Names that a machine lacks go to stderr and the others are printed all the same.
SYSCTL = (
    "sysctl", "hw", "machdep.cpu.brand_string", "machdep.cpu.vendor", "machdep.cpu.core_count", "vm.loadavg",
    "vm.swapusage", "kern.hv_vmm_present", "kern.osrelease", "sysctl.proc_translated", "iogpu.wired_limit_mb",
)  # fmt: skip
_PROFILER = ("system_profiler", "-json")
_PROFILER_SECONDS = 8.0
_IOREG = ("ioreg", "-r", "-d", "1", "-c", "AGXAccelerator")
_GPU_CORES = re.compile(r'"gpu-core-count"\s*=\s*(\d+)')
_LINE = re.compile(r"\s*([A-Za-z]\w*(?:\.\w+)+)\s*[:=]\s*(.*)")
# The name that Rosetta gives the processor to translated programs.
TRANSLATED = "VirtualApple"
_LEVEL = re.compile(r"hw\.(perflevel\d+)\.(\w+)")


def read_sysctl(source: Source) -> Sysctl:
    """Every sysctl name that the probes use, with its text."""
    return parse_sysctl(printed(source, SYSCTL))


def parse_sysctl(text: str | None) -> Sysctl:
    """Names and values of `name: value` or `name = value` lines; the first of equal names wins."""
    values: Sysctl = {}
    for line in without_cut_line(text).splitlines():
        if match := _LINE.fullmatch(line):
            values.setdefault(match[1], match[2].strip().strip('"'))
    return values


def is_apple_silicon(sysctl: Sysctl) -> bool:
    """Whether the chip is Apple's: also true of a translated x86 Python."""
    return (
        sysctl.get("hw.optional.arm64") == "1"
        or sysctl.get("machdep.cpu.brand_string", "").startswith(("Apple", TRANSLATED))
        or sysctl.get("sysctl.proc_translated") == "1"
        or any(key.startswith(("hw.optional.arm.", "hw.perflevel")) for key in sysctl)
    )


def brand(sysctl: Sysctl) -> str | None:
    """The processor's name; None for the one that Rosetta makes up."""
    name = sysctl.get("machdep.cpu.brand_string", "")
    return name if name and not name.startswith(TRANSLATED) else None


def parse_cpu(sysctl: Sysctl) -> Cpu:
    """Processor from sysctl. Performance levels come in any order and number: their names decide."""
    levels = _levels(sysctl)
    fast, slow = _classes(sysctl, levels)
    ours = is_apple_silicon(sysctl)
    logical = number(sysctl.get("hw.logicalcpu")) or number(sysctl.get("hw.ncpu"))
    # No chip of Apple's has had two threads on a core.
    physical = number(sysctl.get("hw.physicalcpu")) or number(sysctl.get("machdep.cpu.core_count"))
    return Cpu(
        model_name=brand(sysctl),
        vendor="Apple" if ours else sysctl.get("machdep.cpu.vendor") or None,
        physical_cores=physical or (logical if ours else None),
        logical_cores=logical,
        performance_cores=fast,
        efficiency_cores=slow,
        features=darwin_features(sysctl),
        last_level_cache_bytes=number(sysctl.get("hw.l3cachesize"))
        or max((size for level in levels if (size := number(level.get("l2cachesize")))), default=None)
        or number(sysctl.get("hw.l2cachesize")),
        threads_per_core=1 if ours and logical else None,
    )


def cpu_layers(source: Source) -> list[tuple[Cpu, str]]:
    """The processor by each source, the best first. system_profiler is slow, and asked only where sysctl is silent."""
    sysctl = read_sysctl(source)
    told = parse_cpu(sysctl)
    if told.model_name and told.logical_cores:
        return [(told, "sysctl")]
    seen = read_hardware(source)
    chip = told.model_name or seen.chip or _chip_of(_displays(source))
    ours = told.vendor == "Apple" or is_apple_chip(chip)
    profiled = Cpu(
        model_name=chip or seen.processor,
        vendor="Apple" if ours else None,
        physical_cores=seen.cores,
        logical_cores=seen.cores if ours else None,
        performance_cores=seen.performance_cores,
        efficiency_cores=seen.efficiency_cores,
        threads_per_core=1 if ours else None,
    )
    return [(told, "sysctl"), (profiled, "system_profiler")]


def memory_layers(source: Source) -> list[tuple[Memory, str]]:
    """(installed, available and swap memory; where each is told)."""
    sysctl = read_sysctl(source)
    physical, origin = apple_memory.parse_physical(sysctl), "sysctl"
    if physical is None:
        physical, origin = _profiled_memory(source), "system_profiler"
    available, tool = apple_memory.parse_available(printed(source, ("vm_stat",)), sysctl), "vm_stat"
    if available is None:
        tool = "memory_pressure"
        available = apple_memory.parse_pressure(printed(source, (tool, "-Q")), physical)
    if available is not None and physical is not None:
        available = min(available, physical)
    return [
        (Memory(physical_bytes=physical), origin),
        (Memory(available_bytes=available), tool),
        (Memory(swap_bytes=apple_memory.parse_swap(sysctl)), "sysctl"),
    ]


def parse_load_average(sysctl: Sysctl) -> float | None:
    """Over one minute, from "{ 1.20 1.30 1.40 }"."""
    words = sysctl.get("vm.loadavg", "").strip("{ }").split()
    return decimal(words[0].replace(",", ".")) if words else None


def probe_gpus(source: Source) -> Finding[tuple[Gpu, ...]]:
    """The chip's GPU on Apple silicon; the cards of another Mac."""
    sysctl = read_sysctl(source)
    if not is_apple_silicon(sysctl):
        return _listed(source, sysctl)
    chip = brand(sysctl) or read_hardware(source).chip
    cores = number(match[1]) if (match := _GPU_CORES.search(printed(source, _IOREG) or "")) else None
    shown = next((gpu for gpu in _displays(source) if gpu.vendor == "apple"), Gpu()) if not (chip and cores) else Gpu()
    gpu = Gpu(vendor="apple", name=chip or shown.name, unified=True, num_cores=cores or shown.num_cores)
    by = {"num_cores": "ioreg" if cores else "system_profiler"}
    return _with_working_set(gpu, reported_by(gpu, "sysctl", **by), sysctl, source)


def read_hardware(source: Source) -> ProfilerHardware:
    """The machine's overview. Takes a tenth of a second."""
    return parse_hardware(printed(source, (*_PROFILER, "SPHardwareDataType"), timeout_seconds=_PROFILER_SECONDS))


def _listed(source: Source, sysctl: Sysctl) -> Finding[tuple[Gpu, ...]]:
    """GPUs by system_profiler: an Intel Mac's, or those of a saved Mac whose sysctl is not there."""
    gpus = _displays(source)
    seen = ProfilerHardware() if sysctl else read_hardware(source)
    if not gpus and is_apple_chip(seen.chip):
        gpus = (Gpu(vendor="apple", name=seen.chip, unified=True),)
    if len(gpus) == 1 and gpus[0].vendor == "apple":
        return _with_working_set(gpus[0], reported_by(gpus[0], "system_profiler"), sysctl, source)
    return Finding(gpus, facts_of(gpus, "system_profiler"))


def _with_working_set(
    gpu: Gpu, facts: dict[str, FactSource], sysctl: Sysctl, source: Source
) -> Finding[tuple[Gpu, ...]]:
    physical = apple_memory.parse_physical(sysctl) or _profiled_memory(source)
    granted, fact = apple_memory.working_set(sysctl, physical)
    gpu = replace(gpu, memory_bytes=granted)
    facts = {**facts, **({"memory_bytes": fact} if granted else {})}
    return Finding((gpu,), {f"0.{name}": found for name, found in facts.items()})


def _profiled_memory(source: Source) -> int | None:
    return read_hardware(source).memory_bytes or parse_installed_memory(
        printed(source, (*_PROFILER, "SPMemoryDataType"), timeout_seconds=_PROFILER_SECONDS)
    )


def _displays(source: Source) -> tuple[Gpu, ...]:
    return parse_displays(printed(source, (*_PROFILER, "SPDisplaysDataType"), timeout_seconds=_PROFILER_SECONDS))


def _chip_of(gpus: Iterable[Gpu]) -> str | None:
    """The chip, as its GPU is named. A virtual machine's device is no chip."""
    return next((gpu.name for gpu in gpus if gpu.name and re.match(r"Apple M\d", gpu.name)), None)


def _levels(sysctl: Sysctl) -> list[dict[str, str]]:
    levels: dict[str, dict[str, str]] = {}
    for key, value in sysctl.items():
        if match := _LEVEL.fullmatch(key):
            levels.setdefault(match[1], {})[match[2]] = value
    return list(levels.values())


def _classes(sysctl: Sysctl, levels: list[dict[str, str]]) -> tuple[int | None, int | None]:
    """(performance, efficiency) cores; super cores count as performance. Unknown where a level or its name lacks."""
    cores = [(level.get("name"), number(level.get("physicalcpu"))) for level in levels]
    expected = number(sysctl.get("hw.nperflevels"))
    total = number(sysctl.get("hw.physicalcpu")) or number(sysctl.get("hw.ncpu"))
    counts = [count or 0 for name, count in cores if name]
    if not sum(counts) or len(counts) < (expected or 1) or sum(counts) < (total or 0):
        return None, None
    slow = sum(count or 0 for name, count in cores if name == "Efficiency")
    return sum(counts) - slow or None, slow
