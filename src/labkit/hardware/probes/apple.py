"""macOS: sysctl, vm_stat, and system_profiler on Macs with a graphics card.

On Apple silicon the GPU is the chip and its memory is the system's. Formats: sysctl(8), vm_stat(1).
"""

import json
import re

from labkit.hardware.probes.cpu_features import darwin_features
from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.probes.text import decimal, key_values, number
from labkit.hardware.profile import Cpu, Gpu
from labkit.hardware.source import Source

# Names that a machine lacks go to stderr and the others are printed all the same.
SYSCTL = (
    "sysctl", "hw", "machdep.cpu.brand_string", "machdep.cpu.vendor", "vm.loadavg", "vm.swapusage",
    "kern.hv_vmm_present", "sysctl.proc_translated",
)  # fmt: skip
_PROFILER = ("system_profiler", "-json", "SPDisplaysDataType")
_PAGE_SIZE = re.compile(r"page size of (\d+) bytes")
_SWAP = re.compile(r"total = ([\d.]+)M")
# What can be taken without swapping: free pages, and those whose content is on disk or may be dropped.
_TAKEABLE = ("Pages free", "Pages inactive", "Pages speculative", "Pages purgeable")


def read_sysctl(source: Source) -> dict[str, str]:
    """Every sysctl name that the probes use, with its text."""
    output = source.run(SYSCTL)
    return key_values(output.stdout) if output else {}


def is_apple_silicon(sysctl: dict[str, str]) -> bool:
    """Whether the chip is Apple's: also true of a translated x86 Python."""
    return (
        sysctl.get("hw.optional.arm64") == "1"
        or sysctl.get("machdep.cpu.brand_string", "").startswith("Apple")
        or any(key.startswith("hw.optional.arm.") for key in sysctl)
    )


def parse_cpu(sysctl: dict[str, str]) -> Cpu:
    """Processor from sysctl. Performance levels come in any order and number: their names decide."""
    levels = {key.split(".")[1] for key in sysctl if key.startswith("hw.perflevel")}
    by_name = {sysctl.get(f"hw.{level}.name", ""): number(sysctl.get(f"hw.{level}.physicalcpu")) for level in levels}
    efficiency = by_name.get("Efficiency")
    fast = [cores for name, cores in by_name.items() if name not in ("", "Efficiency") and cores]
    brand = sysctl.get("machdep.cpu.brand_string") or None
    vendor = "Apple" if is_apple_silicon(sysctl) else sysctl.get("machdep.cpu.vendor") or None
    return Cpu(
        model_name=brand,
        vendor=vendor,
        physical_cores=number(sysctl.get("hw.physicalcpu")),
        logical_cores=number(sysctl.get("hw.logicalcpu")) or number(sysctl.get("hw.ncpu")),
        performance_cores=sum(fast) if fast else None,
        efficiency_cores=efficiency,
        features=darwin_features(sysctl),
        last_level_cache_bytes=number(sysctl.get("hw.l3cachesize"))
        or number(sysctl.get("hw.perflevel0.l2cachesize"))
        or number(sysctl.get("hw.l2cachesize")),
    )


def parse_memory(sysctl: dict[str, str], vm_stat: str | None) -> tuple[int | None, int | None, int | None]:
    """(physical, available, swap) bytes."""
    return number(sysctl.get("hw.memsize")), _available(vm_stat), _swap(sysctl.get("vm.swapusage"))


def parse_load_average(sysctl: dict[str, str]) -> float | None:
    """Over one minute, from "{ 1.20 1.30 1.40 }"."""
    words = sysctl.get("vm.loadavg", "").strip("{ }").split()
    return decimal(words[0].replace(",", ".")) if words else None


def probe_gpus(source: Source) -> Finding[tuple[Gpu, ...]]:
    """The chip's GPU on Apple silicon; the cards of an Intel Mac."""
    sysctl = read_sysctl(source)
    if is_apple_silicon(sysctl):
        gpu = Gpu(
            vendor="apple",
            name=sysctl.get("machdep.cpu.brand_string") or None,
            memory_bytes=number(sysctl.get("hw.memsize")),
            unified=True,
        )
        return Finding((gpu,), {f"0.{name}": fact for name, fact in reported_by(gpu, "sysctl").items()})
    output = source.run(_PROFILER, timeout_seconds=8)
    gpus = parse_displays(output.stdout if output else None)
    facts = {
        f"{index}.{name}": fact
        for index, gpu in enumerate(gpus)
        for name, fact in reported_by(gpu, "system_profiler").items()
    }
    return Finding(gpus, facts)


def parse_displays(text: str | None) -> tuple[Gpu, ...]:
    """Cards from `system_profiler -json SPDisplaysDataType`; nothing from a text that was cut."""
    try:
        document = json.loads(text or "")
    except ValueError:
        return ()
    entries = document.get("SPDisplaysDataType", []) if isinstance(document, dict) else []
    return tuple(_card(entry) for entry in entries if isinstance(entry, dict) and entry.get("sppci_model"))


def _card(entry: dict[str, object]) -> Gpu:
    name = str(entry["sppci_model"])
    vendor = str(entry.get("spdisplays_vendor", "")).lower()
    known = next((short for short in ("apple", "amd", "nvidia", "intel") if short in f"{vendor} {name.lower()}"), None)
    dedicated = _card_memory(str(entry.get("spdisplays_vram", "")))
    return Gpu(vendor=known, name=name, memory_bytes=dedicated, unified=None if dedicated else known != "amd")


def _card_memory(text: str) -> int | None:
    value, _, unit = text.partition(" ")
    factor = {"GB": 1024**3, "MB": 1024**2}.get(unit.strip())
    return int(value) * factor if factor and value.isdecimal() else None


def _available(vm_stat: str | None) -> int | None:
    page = _PAGE_SIZE.search(vm_stat or "")
    pages = key_values(vm_stat)
    counts = [int(text) for name in _TAKEABLE if (text := pages.get(name, "").rstrip(".")).isdecimal()]
    return int(page[1]) * sum(counts) if page and counts else None


def _swap(text: str | None) -> int | None:
    match = _SWAP.search(text or "")
    return round(float(match[1]) * 1024**2) if match else None
