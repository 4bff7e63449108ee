"""Graphics hardware on the PCI bus: the kernel's sysfs, named by lspci, or lspci's text alone.

lspci's forms: plain, -nn (with [class] and [vendor:device]), -n (numbers alone), -mm (quoted words), -vmm (blocks),
-k and -v (indented lines below each device); each with or without the domain. Source: lspci(8).
"""

import re
from dataclasses import dataclass, replace

from labkit.hardware.probes.text import blocks, key_values
from labkit.hardware.source import Source, printed

LSPCI = ("lspci", "-Dnnk")
VENDORS = {0x10DE: "nvidia", 0x1002: "amd", 0x8086: "intel"}
_VENDOR_WORDS = {"nvidia": 0x10DE, "advanced micro devices": 0x1002, "ati technologies": 0x1002, "intel": 0x8086}
_SLOT = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$", re.IGNORECASE)
_LINE = re.compile(r"^((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\s+(.+)$", re.IGNORECASE)
_NUMBERS = re.compile(r"^([0-9a-f]{4}): ([0-9a-f]{4}):([0-9a-f]{4})", re.IGNORECASE)
_IDS = re.compile(r"\[([0-9a-f]{4}):([0-9a-f]{4})\]", re.IGNORECASE)
_ID = re.compile(r"\s*\[([0-9a-f]{4})\]$", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]*)"')
_TAIL = re.compile(r"\s*\((?:rev|prog-if) [^)]*\).*$")
_DRIVER = re.compile(r"^\s+Kernel driver in use:\s*(\S+)")
_WHOLE = ("\n", ")", "]", '"')  # ends of a line of which nothing is missing
_DISPLAY = ("vga compatible controller", "3d controller", "display controller")
# PCI class codes: 03 display controllers, 12 processing accelerators: AMD's Instinct cards, but also Intel's NPUs.
_DISPLAY_CODE, _ACCELERATOR_CODE, _ACCELERATOR = "03", "12", "processing accelerators"
_AMD = 0x1002
_COMPANY = re.compile(
    r"^(Intel Corporation|NVIDIA Corporation|Advanced Micro Devices,? Inc\.?(?: \[AMD(?:/ATI)?\])?|"
    r"(?:AMD/)?ATI Technologies Inc)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PciDevice:
    """One graphics device. `slot` is "0000:03:00.0"; `name` is without its maker's."""

    slot: str
    vendor_id: int | None = None
    device_id: int | None = None
    name: str | None = None
    driver: str | None = None

    @property
    def vendor(self) -> str | None:
        """Short name of its maker."""
        return VENDORS.get(self.vendor_id or 0)


def display_devices(source: Source, vendor: str) -> tuple[PciDevice, ...]:
    """Graphics devices of "amd", "intel" or "nvidia". lspci is asked only when sysfs has one, or is not there."""
    on_bus = _from_sysfs(source)
    if on_bus is None:
        return tuple(device for device in _listed(source) if device.vendor == vendor)
    found = [device for device in on_bus if device.vendor == vendor]
    named = {device.slot: device for device in _listed(source)} if found else {}
    return tuple(replace(device, name=named[device.slot].name) if device.slot in named else device for device in found)


def parse_lspci(text: str | None) -> tuple[PciDevice, ...]:
    """Graphics devices in any form of lspci's output, each slot once; other devices are left out."""
    found: dict[str, PciDevice] = {}
    current: str | None = None
    for line in (text or "").splitlines(keepends=True):
        if match := _LINE.match(line):
            device = _device(match[1], match[2].rstrip())
            current = device.slot if device else None
            if device and not line.endswith(_WHOLE):  # its name may be cut, its numbers are not
                device = replace(device, name=None)
            if device:
                found.setdefault(device.slot, device)
        elif current and (driver := _DRIVER.match(line)):
            found[current] = replace(found[current], driver=driver[1])
    for block in blocks(text):
        device = _block(block)
        if device:
            found.setdefault(device.slot, device)
    return tuple(found.values())


def normal_slot(text: str | None) -> str | None:
    """A PCI address in any spelling as "0000:03:00.0"; None for anything else."""
    match = _SLOT.search((text or "").strip())
    if match is None:
        return None
    return f"{int(match[1] or '0', 16):04x}:{match[2]}:{match[3]}.{match[4]}".lower()


def hex_id(text: str | None) -> int | None:
    """A PCI id from "0x56a0" or "56a0"; None for anything else."""
    match = re.fullmatch(r"(?:0x)?([0-9a-f]{4})", (text or "").strip(), re.IGNORECASE)
    return int(match[1], 16) if match else None


def _listed(source: Source) -> tuple[PciDevice, ...]:
    return parse_lspci(printed(source, LSPCI))


def _from_sysfs(source: Source) -> list[PciDevice] | None:
    """None where the bus cannot be read."""
    paths = source.glob("/sys/bus/pci/devices/*/class")
    found: list[PciDevice] = []
    for path in paths:
        folder = path.rpartition("/")[0]
        slot = normal_slot(folder.rpartition("/")[2])
        code = (source.read(path) or "").strip().removeprefix("0x")
        vendor, device = (hex_id(source.read(f"{folder}/{name}")) for name in ("vendor", "device"))
        if slot and _is_graphics(code, vendor):
            driver = key_values(source.read(f"{folder}/uevent"), "=").get("DRIVER")
            found.append(PciDevice(slot, vendor, device, None, driver))
    return found if paths else None


def _device(slot: str, rest: str) -> PciDevice | None:
    place = normal_slot(slot)
    if place is None:
        return None
    if numbers := _NUMBERS.match(rest):
        vendor, device = int(numbers[2], 16), int(numbers[3], 16)
        return PciDevice(place, vendor, device) if _is_graphics(numbers[1], vendor) else None
    if rest.startswith('"'):
        words = _QUOTED.findall(rest)
        return _named(place, *words[:3]) if len(words) >= 3 else None
    kind, _, described = rest.partition(": ")
    ids = _IDS.findall(described)
    plain = _TAIL.sub("", _IDS.sub("", described)).strip()
    found = _named(place, kind, plain, plain)
    return replace(found, vendor_id=int(ids[0][0], 16), device_id=int(ids[0][1], 16)) if found and ids else found


def _block(values: dict[str, str]) -> PciDevice | None:
    slot = normal_slot(values.get("Slot"))
    if slot is None or not {"Class", "Vendor", "Device"} <= values.keys():
        return None
    device = _named(slot, values["Class"], values["Vendor"], values["Device"])
    return replace(device, driver=values.get("Driver")) if device else None


def _named(slot: str, kind: str, vendor: str, name: str) -> PciDevice | None:
    vendor_id, device_id = (hex_id(match[1]) if (match := _ID.search(text)) else None for text in (vendor, name))
    known = next((number for word, number in _VENDOR_WORDS.items() if vendor.lower().startswith(word)), None)
    vendor_id = vendor_id or known
    words = _ID.sub("", kind.strip()).lower()
    if not words.startswith(_DISPLAY) and not (words.startswith(_ACCELERATOR) and vendor_id == _AMD):
        return None
    plain = _COMPANY.sub("", _ID.sub("", name).strip())
    if plain.count("[") > plain.count("]"):  # cut within its brackets
        plain = plain.rpartition("[")[0].strip()
    return PciDevice(slot, vendor_id, device_id, plain or None)


def _is_graphics(code: str, vendor_id: int | None) -> bool:
    return code.startswith(_DISPLAY_CODE) or (code.startswith(_ACCELERATOR_CODE) and vendor_id == _AMD)
