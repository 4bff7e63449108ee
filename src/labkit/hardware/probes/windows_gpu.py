"""Display adapters of Windows: the registry, WMI's Win32_VideoController, and dxdiag, joined by name.

AdapterRAM has 32 bits and stops near 4 GiB for every larger card, so it is a size only below that; the registry's
HardwareInformation.qwMemorySize and dxdiag's "Dedicated Memory" are right. Of an integrated part all three are the
system memory that was set aside. Remote desktops and virtual screens are adapters without a chip.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from labkit.hardware.device_name import parse_device_name
from labkit.hardware.probes import amd_parts, intel_parts
from labkit.hardware.probes.pci import VENDORS, hex_id
from labkit.hardware.probes.text import key_values, number, whole_pages
from labkit.hardware.probes.windows_text import parse_registry, parse_rows
from labkit.hardware.profile import Gpu
from labkit.units import GIB, MIB

_VENDORS = VENDORS | {0x17CB: "qualcomm", 0x4D4F4351: "qualcomm"}
_SATURATED = range(0xFFF00000, 1 << 32)
_ADAPTER_KEY = re.compile(r"\\\d{4}$")
_BAR = re.compile(r"^([^|]*)\|([^|]*)$")
_MEGABYTES = re.compile(r"^([\d.,\s]+)\s*MB$")
_DEVICE = re.compile(r"VEN_([0-9A-F]{4})&DEV_([0-9A-F]{4})", re.IGNORECASE)
_VIRTUAL = re.compile(
    r"\b(basic (display|render)|remote display|parsec|virtual|indirect|idd|citrix|vmware|hyper-v|qxl|virtio|spacedesk|"
    r"displaylink|mirror|rdp|teamviewer|sunshine|meta (virtual )?monitor|dameware|matrox|aspeed)\b",
    re.IGNORECASE,
)
_SMALLEST_FIGURE = 8 * MIB  # AdapterRAM of large AMD cards wraps around to values like 1 MiB


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter as one source tells of it. `memory_bytes` None: unknown, or more than the source can say."""

    name: str
    memory_bytes: int | None = None
    driver: str | None = None
    vendor_id: int | None = None
    device_id: int | None = None


def parse_registry_adapters(text: str | None) -> list[Adapter]:
    """From `reg query` of the display class, or `name|bytes` rows of its qwMemorySize."""
    adapters = [
        Adapter(
            name, number(values.get("HardwareInformation.qwMemorySize")), values.get("DriverVersion"), *_ids(values)
        )
        for key, values in parse_registry(text).items()
        if _ADAPTER_KEY.search(key)
        and (name := values.get("DriverDesc") or values.get("HardwareInformation.AdapterString"))
    ]
    rows = [{str(key).lower(): value for key, value in row.items()} for row in parse_rows(text)] if not adapters else []
    for row in rows:
        name = row.get("driverdesc") or row.get("hardwareinformation.adapterstring") or row.get("name")
        size = number(row.get("hardwareinformation.qwmemorysize") or row.get("qwmemorysize"))
        if name:
            adapters.append(Adapter(name, size, row.get("driverversion")))
    rows_of_bars = [] if adapters else [row for row in _bar_rows(text) if whole_pages(row.memory_bytes)]
    return adapters or rows_of_bars


def parse_video_controllers(text: str | None) -> list[Adapter]:
    """From Win32_VideoController in any form, or its `name|AdapterRAM` rows."""
    found = [
        Adapter(name, number(row.get("adapterram")), row.get("driverversion") or None, *_ids(row))
        for row in parse_rows(text)
        if (name := row.get("name") or row.get("caption") or row.get("description"))
    ] or _bar_rows(text)
    return [replace(adapter, memory_bytes=_believable(adapter.memory_bytes)) for adapter in found]


def parse_dxdiag(text: str | None) -> list[Adapter]:
    """From dxdiag's text report: one adapter for each "Card name", the same one on two screens once."""
    found: list[Adapter] = []
    for piece in re.split(r"(?=^\s*Card name:)", text or "", flags=re.MULTILINE)[1:]:
        values = key_values(piece.split("\n---")[0])
        name, memory = values.get("Card name", ""), _megabytes(values.get("Dedicated Memory"))
        adapter = Adapter(name, memory, values.get("Driver Version"), *_ids(values))
        if name and adapter not in found:
            found.append(adapter)
    return found


def join_adapters(*sources: Iterable[Adapter]) -> list[Adapter]:
    """Adapters of several sources, each once. Equal cards stay as many as the source that lists most of them."""
    joined: list[Adapter] = []
    for adapters in sources:
        free = list(range(len(joined)))
        for adapter in adapters:
            same = next((index for index in free if plain_name(joined[index].name) == plain_name(adapter.name)), None)
            if same is None:
                joined.append(adapter)
                continue
            free.remove(same)
            kept = joined[same]
            joined[same] = replace(
                kept,
                memory_bytes=kept.memory_bytes or adapter.memory_bytes,
                driver=kept.driver or adapter.driver,
                vendor_id=kept.vendor_id or adapter.vendor_id,
                device_id=kept.device_id or adapter.device_id,
            )
    return joined


def to_gpu(adapter: Adapter) -> Gpu | None:
    """The adapter as a Gpu; None for a virtual one, and for an integrated part too weak to be of use."""
    vendor = _vendor(adapter)
    if vendor is None or _VIRTUAL.search(adapter.name):
        return None
    unified = _integrated(adapter, vendor)
    gpu = Gpu(
        vendor=vendor,
        name=adapter.name,
        memory_bytes=None if unified else adapter.memory_bytes,
        unified=unified,
        driver=adapter.driver,
        architecture=amd_parts.known_gfx(_amd(adapter)) if vendor == "amd" else None,
        # What Windows calls the memory of Intel's parts is a share of the system's that nothing sets aside.
        carve_out_bytes=adapter.memory_bytes if unified and vendor == "amd" else None,
    )
    if vendor == "amd" and unified and not amd_parts.is_worth_using(gpu):
        return None
    return gpu


def _integrated(adapter: Adapter, vendor: str) -> bool | None:
    if vendor == "intel":
        return intel_parts.is_integrated(adapter.name, adapter.device_id)
    if vendor == "amd":
        told, _ = amd_parts.is_integrated(_amd(adapter))
        # "AMD Radeon(TM) Graphics" is what Windows' driver calls the parts in processors.
        small = (adapter.memory_bytes or 0) <= 4 * GIB
        return True if told is None and amd_parts.is_generic(adapter.name) and small else told
    if vendor == "qualcomm":  # Adreno is in the processor
        return True
    return False if vendor == "nvidia" and adapter.memory_bytes else None


def _amd(adapter: Adapter) -> amd_parts.AmdPart:
    return amd_parts.AmdPart(name=adapter.name, device_id=adapter.device_id)


def _vendor(adapter: Adapter) -> str | None:
    return parse_device_name(adapter.name).vendor or _VENDORS.get(adapter.vendor_id or 0)


def _believable(size: int | None) -> int | None:
    known = whole_pages(size)  # others are figures that were cut
    return known if known and known >= _SMALLEST_FIGURE and known not in _SATURATED else None


def _bar_rows(text: str | None) -> list[Adapter]:
    found: list[Adapter] = []
    for line in (text or "").splitlines():
        match = _BAR.match(line.strip())
        if match and match[1].strip() and (match[2].strip().isdecimal() or not match[2].strip()):
            found.append(Adapter(match[1].strip(), number(match[2]) or None))
    return found


def _megabytes(text: str | None) -> int | None:
    match = _MEGABYTES.match((text or "").strip())
    digits = re.sub(r"\D", "", match[1]) if match else ""
    return int(digits) * MIB or None if digits else None


def _ids(values: dict[str, str]) -> tuple[int | None, int | None]:
    for key in ("pnpdeviceid", "MatchingDeviceId", "matchingdeviceid", "Device Key", "deviceid"):
        if match := _DEVICE.search(values.get(key, "")):
            return hex_id(match[1]), hex_id(match[2])
    return None, None


def plain_name(name: str) -> str:
    """A name without case, marks and spaces, by which sources are joined."""
    return " ".join(re.findall(r"[a-z0-9]+", name.lower()))
