r"""Windows: names and card memory from the registry.

Win32_VideoController.AdapterRAM has 32 bits and reads 4 GiB for every larger card, so the display class's
HardwareInformation.qwMemorySize is asked. `reg query` prints `    <name>    REG_<type>    <value>` under each key.
"""

import re

from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.probes.text import number
from labkit.hardware.profile import Cpu, Gpu
from labkit.hardware.source import Source

CPU_KEY = r"HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0"
DISPLAY_KEY = r"HKLM\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_VALUE = re.compile(r"^\s+(\S.*?)\s+REG_([A-Z_]+)\s+(.*)$")
_ADAPTER_KEY = re.compile(r"\\\d{4}$")


def probe_cpu(source: Source) -> Cpu:
    """Name and vendor; psutil gives the cores."""
    output = source.run(["reg", "query", CPU_KEY])
    values = next(iter(parse_registry(output.stdout if output else None).values()), {})
    return Cpu(model_name=values.get("ProcessorNameString"), vendor=values.get("VendorIdentifier"))


def probe_gpus(source: Source) -> Finding[tuple[Gpu, ...]]:
    """Display adapters with memory. NVIDIA's tool knows more of its cards and goes before these."""
    output = source.run(["reg", "query", DISPLAY_KEY, "/s"], timeout_seconds=8)
    gpus = parse_adapters(output.stdout if output else None)
    facts = {
        f"{index}.{name}": fact
        for index, gpu in enumerate(gpus)
        for name, fact in reported_by(gpu, "Windows registry").items()
    }
    return Finding(gpus, facts)


def parse_registry(text: str | None) -> dict[str, dict[str, str]]:
    """Key -> value name -> text."""
    keys: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in (text or "").splitlines():
        if line.startswith("HKEY_"):
            current = keys.setdefault(line.strip(), {})
        elif match := _VALUE.match(line):
            current[match[1]] = match[3].strip()
    return keys


def parse_adapters(text: str | None) -> tuple[Gpu, ...]:
    """GPUs of the display class; adapters without memory (remote desktops, virtual screens) are no GPUs."""
    gpus: list[Gpu] = []
    for key, values in parse_registry(text).items():
        memory = number(values.get("HardwareInformation.qwMemorySize"))
        name = values.get("DriverDesc") or values.get("HardwareInformation.AdapterString")
        if not _ADAPTER_KEY.search(key) or not name or not memory:
            continue
        gpus.append(Gpu(vendor=_vendor(name), name=name, memory_bytes=memory, driver=values.get("DriverVersion")))
    return tuple(gpus)


def _vendor(name: str) -> str | None:
    words = name.lower().split()
    for vendor, marks in (("nvidia", {"nvidia"}), ("amd", {"amd", "radeon"}), ("intel", {"intel(r)", "intel"})):
        if marks & set(words):
            return vendor
    return None
