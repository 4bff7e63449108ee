"""Vulkan's own list of devices, as a hint: it is asked only where no other probe found graphics hardware.

`vulkaninfo` prints one block for each driver and device: a software renderer is a device of type CPU, and one card is
listed once by each driver installed for it (RADV, AMDVLK, the layered one of WSL).
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from labkit.hardware.probes.amd_parts import AmdPart, is_worth_using, known_gfx
from labkit.hardware.probes.finding import Finding, facts_of
from labkit.hardware.probes.pci import VENDORS, hex_id
from labkit.hardware.probes.text import number, without_cut_line
from labkit.hardware.profile import Gpu
from labkit.hardware.source import Source, printed

COMMAND = ("vulkaninfo", "--summary")
# Others' parts (Broadcom's in a Raspberry Pi) run no model that is worth it.
_VENDORS = VENDORS | {0x106B: "apple", 0x5143: "qualcomm", 0x13B5: "arm"}
_SOFTWARE = re.compile(r"llvmpipe|swiftshader|lavapipe|softpipe|basic render", re.IGNORECASE)
_TYPES = {"DISCRETE_GPU": False, "INTEGRATED_GPU": True, "VIRTUAL_GPU": None}
_START = re.compile(r"^\s*GPU\s?(\d{1,3})\s*:?\s*$")
_PAIR = re.compile(r"^\s+(\w+)\s*=\s*(.*?)\s*$")
_HEAP = re.compile(r"^\s*memoryHeaps\[\d+\]\s*:")
_HEAPS_END = re.compile(r"^\s*memoryTypes\b")
_SIZE = re.compile(r"(\d+)(?:\s|$)")
_DRIVER_MARK = re.compile(r"\s*\(([A-Z][A-Za-z0-9]* [^()]*|RADV|NVK)\)$")
_LAYERED = re.compile(r"^Microsoft Direct3D12 \((.*)\)$")


@dataclass(frozen=True, slots=True)
class _Listed:
    """One block: a device as one driver shows it."""

    name: str
    vendor: str | None
    device_id: int | None
    driver: str
    unified: bool | None
    memory_bytes: int | None
    architecture: str | None


def probe_vulkan(source: Source) -> Finding[tuple[Gpu, ...]]:
    """Graphics hardware that Vulkan lists; nothing without the tool."""
    gpus = parse_vulkaninfo(printed(source, COMMAND))
    return Finding(gpus, facts_of(gpus, "vulkaninfo"))


def parse_vulkaninfo(text: str | None) -> tuple[Gpu, ...]:
    """One Gpu for each card, from the summary or the full text, whole or cut.

    Software renderers are none, nor are AMD's integrated parts that are too weak to be of use.
    """
    listed = [device for block in _blocks(without_cut_line(text)) if (device := _device(block))]
    found = (
        Gpu(
            vendor=device.vendor,
            name=device.name,
            unified=device.unified,
            memory_bytes=device.memory_bytes,
            architecture=device.architecture,
        )
        for device in _each_once(listed)
    )
    return tuple(gpu for gpu in found if not (gpu.architecture and gpu.unified) or is_worth_using(gpu))


def _blocks(text: str | None) -> list[list[str]]:
    """The lines of each device."""
    found: list[list[str]] = []
    for line in (text or "").splitlines():
        if _START.match(line):
            found.append([])
        elif found:
            found[-1].append(line)
    return found


def _device(lines: list[str]) -> _Listed | None:
    values: dict[str, str] = {}
    for line in lines:
        if pair := _PAIR.match(line):
            values.setdefault(pair[1], pair[2])
    kind = values.get("deviceType", "").removeprefix("PHYSICAL_DEVICE_TYPE_").removeprefix("VK_PHYSICAL_DEVICE_TYPE_")
    kind = kind.partition(" ")[0]
    vendor = _VENDORS.get(_id(values.get("vendorID")) or 0)
    name = values.get("deviceName", "")
    layered = _LAYERED.match(name)
    plain = layered[1] if layered else _DRIVER_MARK.sub("", name)
    if kind not in _TYPES or vendor is None or not plain or _SOFTWARE.search(name):
        return None
    driver = values.get("driverID") or values.get("driverName") or name.removeprefix(plain)
    unified = _TYPES[kind]
    heap = None if unified else _largest_heap(lines)
    device_id = _id(values.get("deviceID"))
    # The driver's note has the chip's code: "(RADV RAPHAEL_MENDOCINO)".
    gfx = known_gfx(AmdPart(name=name, device_id=device_id)) if vendor == "amd" else None
    return _Listed(plain, vendor, device_id, driver, unified, heap, gfx)


def _id(text: str | None) -> int | None:
    return hex_id(text) or number(text)


def _largest_heap(lines: Iterable[str]) -> int | None:
    """Bytes of the largest heap of the device's own memory; smaller ones are windows into it."""
    sizes: list[int] = []
    current: int | None = None
    inside = False
    for line in lines:
        if _HEAP.match(line):
            inside, current = True, None
        elif _HEAPS_END.match(line):
            inside = False
        elif inside and (pair := _PAIR.match(line)) and pair[1] == "size":
            size = _SIZE.match(pair[2])
            current = int(size[1]) if size else None
        elif inside and "DEVICE_LOCAL" in line and current:
            sizes.append(current)
    return max(sizes, default=None)


def _each_once(listed: list[_Listed]) -> list[_Listed]:
    """Cards, in order. Equal ones are as many as the driver that lists most of them says."""
    counts = Counter((device.vendor, device.device_id, device.driver) for device in listed)
    best: dict[tuple[str | None, int | None], str] = {}
    for (vendor, device_id, driver), count in counts.items():
        chosen = best.setdefault((vendor, device_id), driver)
        if count > counts[vendor, device_id, chosen]:
            best[vendor, device_id] = driver
    return [device for device in listed if best[device.vendor, device.device_id] == device.driver]
