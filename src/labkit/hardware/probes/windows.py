"""Windows: the registry first, then WMI through PowerShell, systeminfo, and a saved dxdiag report.

`reg query` answers in milliseconds, so PowerShell is asked only for what the registry did not say. dxdiag opens a
window, so its report is read where a capture has one, and never made.
"""

import re

from labkit.hardware.capture_paths import DXDIAG
from labkit.hardware.probes import windows_gpu
from labkit.hardware.probes.finding import Finding, facts_of
from labkit.hardware.probes.text import key_values, number, without_cut_line
from labkit.hardware.probes.windows_text import Row, parse_registry, parse_rows
from labkit.hardware.profile import Cpu, FactSource, Gpu, Memory
from labkit.hardware.source import Source, printed
from labkit.units import KIB, MIB

CPU_KEY = r"HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0"
DISPLAY_KEY = r"HKLM\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_POWERSHELL = ("powershell", "-NoProfile", "-Command")
VIDEO = (
    *_POWERSHELL,
    "Get-CimInstance Win32_VideoController | Select-Object Name,AdapterRAM,DriverVersion,PNPDeviceID | ConvertTo-Json",
)
PROCESSOR = (
    *_POWERSHELL,
    "Get-CimInstance Win32_Processor | Select-Object Name,Manufacturer,NumberOfCores,NumberOfLogicalProcessors,"
    "L3CacheSize | ConvertTo-Json",
)
MEMORY = (
    *_POWERSHELL,
    "Get-CimInstance Win32_OperatingSystem | Select-Object TotalVisibleMemorySize,FreePhysicalMemory,"
    "TotalVirtualMemorySize | ConvertTo-Json",
)
COMPUTER = (
    *_POWERSHELL,
    "Get-CimInstance Win32_ComputerSystem | Select-Object Manufacturer,Model,TotalPhysicalMemory | ConvertTo-Json",
)
SYSTEMINFO = ("systeminfo",)
_TIMEOUT_SECONDS = 8.0
_SHARED = FactSource("table", "name of an integrated part")
_DXDIAG_CPU = re.compile(r"^(.*?)\s*(?:\((\d+) CPUs?\))?(?:,\s*~.*)?$")


def cpu_layers(source: Source) -> list[tuple[Cpu, str]]:
    """(processor, where it is told), the surest first. A registry that names it is enough: psutil counts cores."""
    values = next(iter(parse_registry(_said(source, ("reg", "query", CPU_KEY))).values()), {})
    layers = [(Cpu(model_name=values.get("ProcessorNameString"), vendor=values.get("VendorIdentifier")), "registry")]
    if layers[0][0].model_name is None or source.counters().physical_cores is None:
        layers.append((parse_processors(_said(source, PROCESSOR)), "WMI"))
        layers.append((parse_dxdiag_cpu(source.read(DXDIAG)), "dxdiag"))
    return layers


def memory_layers(source: Source) -> list[tuple[Memory, str]]:
    """(system memory, where it is told), for captures: on a living machine psutil knows it at once."""
    if source.counters().total_memory_bytes is not None:
        return []
    return [
        (parse_memory(_said(source, MEMORY), _said(source, COMPUTER)), "WMI"),
        (parse_systeminfo(_said(source, SYSTEMINFO)), "systeminfo"),
        (parse_dxdiag_memory(source.read(DXDIAG)), "dxdiag"),
    ]


def parse_processors(text: str | None) -> Cpu:
    """From Win32_Processor in any form: one row for each socket."""
    rows = [row for row in parse_rows(text) if row.get("name")]
    if not rows:
        return Cpu()
    cache = number(rows[0].get("l3cachesize"))
    return Cpu(
        model_name=rows[0]["name"].strip(),
        vendor=rows[0].get("manufacturer") or None,
        physical_cores=_sum_of(rows, "numberofcores"),
        logical_cores=_sum_of(rows, "numberoflogicalprocessors"),
        last_level_cache_bytes=cache * KIB if cache else None,
    )


def parse_dxdiag_cpu(text: str | None) -> Cpu:
    """From dxdiag's `Processor: <name> (16 CPUs), ~4.2GHz`."""
    match = _DXDIAG_CPU.match(key_values(text).get("Processor", ""))
    if match is None or not match[1]:
        return Cpu()
    return Cpu(model_name=match[1], logical_cores=number(match[2]))


def parse_memory(*texts: str | None) -> Memory:
    """From Win32_OperatingSystem (KiB) and Win32_ComputerSystem (bytes), in any form."""
    rows = [row for text in texts for row in parse_rows(text)]

    def first(key: str, unit: int) -> int | None:
        return next((found * unit for row in rows if (found := number(row.get(key)))), None)

    visible = first("totalvisiblememorysize", KIB) or first("totalphysicalmemory", 1)
    return Memory(visible, first("freephysicalmemory", KIB))


def parse_systeminfo(text: str | None) -> Memory:
    """From systeminfo: `Total Physical Memory: 32,510 MB`.

    Its lines are translated and keep their order: total, then available memory. Those of the page file have two colons.
    """
    values = key_values(without_cut_line(text)).values()
    sizes = [size for value in values if ":" not in value and (size := _megabytes(value))]
    if len(sizes) > 2 or sizes != sorted(sizes, reverse=True):
        return Memory()
    total, available = (*sizes, None, None)[:2]
    return Memory(total, available)


def parse_dxdiag_memory(text: str | None) -> Memory:
    """From dxdiag: the memory that the system can use, else the installed one."""
    values = key_values(text)
    return Memory(_megabytes(values.get("Available OS Memory")) or _megabytes(values.get("Memory")))


def probe_gpus(source: Source) -> Finding[tuple[Gpu, ...]]:
    """Display adapters with a chip. NVIDIA's tool knows more of its cards and goes before these."""
    told = windows_gpu.parse_registry_adapters(_said(source, ("reg", "query", DISPLAY_KEY, "/s")))
    origin = {windows_gpu.plain_name(adapter.name): "Windows registry" for adapter in told}
    adapters = told
    if not told or any(adapter.memory_bytes is None for adapter in told) or source.counters().logical_cores is None:
        listed = windows_gpu.parse_video_controllers(_said(source, VIDEO))
        reported = windows_gpu.parse_dxdiag(source.read(DXDIAG))
        adapters = windows_gpu.join_adapters(told, reported, listed)
    kept = [gpu for adapter in adapters if (gpu := windows_gpu.to_gpu(adapter))]
    facts: dict[str, FactSource] = {}
    for index, gpu in enumerate(kept):
        name = origin.get(windows_gpu.plain_name(gpu.name or ""), "WMI")
        facts |= {f"{index}.{key.partition('.')[2]}": fact for key, fact in facts_of([gpu], name).items()}
        if gpu.unified:
            facts[f"{index}.unified"] = _SHARED
    return Finding(tuple(kept), facts)


def _sum_of(rows: list[Row], key: str) -> int | None:
    counts = [number(row.get(key)) for row in rows]
    known = [count for count in counts if count]
    return sum(known) if known and len(known) == len(counts) else None


def _said(source: Source, command: tuple[str, ...]) -> str | None:
    return printed(source, command, timeout_seconds=_TIMEOUT_SECONDS)


def _megabytes(text: str | None) -> int | None:
    """Bytes from "32,510 MB", "32768MB RAM", "32.510 MB" or "32 510 Mo"."""
    match = re.match(r"(\d[\d.,\s\u00a0\u202f\ufffd]*)(?<=\d)\s*(?:MB|Mo|МБ)\b", (text or "").strip())
    return int(re.sub(r"\D", "", match[1])) * MIB if match else None
