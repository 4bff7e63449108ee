"""AMD cards and integrated parts: the kernel's sysfs first, ROCm's tools for what it does not say, lspci last.

The video memory of an integrated part is a carve-out of system memory, and GTT is system memory that any part may
borrow: neither is a card's own.
"""

from dataclasses import fields, replace

from labkit.hardware.probes import foreign
from labkit.hardware.probes.amd_parts import (
    AmdPart,
    draws_only,
    is_generic,
    is_integrated,
    is_worth_using,
    known_gfx,
    to_gpu,
)
from labkit.hardware.probes.amd_sysfs import read_sysfs
from labkit.hardware.probes.amd_tools import parse_amd_smi, parse_rocm_smi
from labkit.hardware.probes.finding import Finding
from labkit.hardware.probes.pci import PciDevice, display_devices
from labkit.hardware.probes.rocminfo import parse_rocminfo
from labkit.hardware.probes.text import key_values, without_cut_line
from labkit.hardware.profile import Gpu
from labkit.hardware.source import Source, printed
from labkit.units import MIB

ROCM_SMI_JSON = ("rocm-smi", "-a", "--json")
ROCM_SMI_MEMORY = ("rocm-smi", "--showmeminfo", "vram")
ROCM_SMI_PRODUCT = ("rocm-smi", "--showproductname")
AMD_SMI_JSON = ("amd-smi", "static", "--json")
ROCM_SMI = ("rocm-smi",)
ROCMINFO = ("rocminfo",)
_CARVE_OUT_STEP = 256 * MIB


def probe_amd(source: Source) -> Finding[tuple[Gpu, ...]]:
    """Cards, and integrated parts strong enough to be of use."""
    parts, origin = read_sysfs(source), "sysfs (amdgpu)"
    if not all(_is_told(part) for part in parts) or not parts:
        for name, found in (("rocm-smi", _rocm_smi(source)), ("amd-smi", parse_amd_smi(printed(source, AMD_SMI_JSON)))):
            origin = origin if parts else name
            parts = join(parts, found)
    if not parts or any(is_integrated(part)[0] is not False for part in parts):
        pools = parse_rocminfo(printed(source, ROCMINFO))
        origin = origin if parts else "rocminfo"
        parts = join(parts, pools)
    parts = [_with_processor(source, part) for part in parts]
    parts, listed = _named(source, [part for part in parts if not part.is_anonymous])
    origin = "lspci" if listed else origin
    if not parts:
        parts, origin = foreign.read_amd_parts(source), foreign.ORIGIN
    found = [to_gpu(part, origin) for part in parts]
    kept = [(gpu, facts) for gpu, facts in found if is_worth_using(gpu)]
    facts = {f"{index}.{name}": fact for index, (_, own) in enumerate(kept) for name, fact in own.items()}
    return Finding(tuple(gpu for gpu, _ in kept), facts)


def join(parts: list[AmdPart], others: list[AmdPart]) -> list[AmdPart]:
    """The same parts from two sources: by PCI address, by number where both list as many, or as the only fit.

    What the first says stays; a figure of nobody (a lone pool) goes to the only part there is.
    """
    if not parts:
        return others
    joined = list(parts)
    taken: set[int] = set()
    for place, other in enumerate(others):
        fits = [index for index, part in enumerate(parts) if index not in taken and _may_be(part, other)]
        exact = [i for i in fits if other.pci_address and parts[i].pci_address == other.pci_address]
        same_place = [i for i in fits if len(parts) == len(others) and i == place]
        chosen = (exact or same_place or (fits if len(fits) == 1 else []))[:1]
        for index in chosen:
            taken.add(index)
            joined[index] = _filled(parts[index], other)
        if not chosen and not fits and not other.is_anonymous:
            joined.append(other)
    return joined


def _may_be(part: AmdPart, other: AmdPart) -> bool:
    for name in ("pci_address", "device_id", "gfx"):
        one, two = getattr(part, name), getattr(other, name)
        if one and two and one != two:
            return False
    if part.vram_bytes and other.vram_bytes:
        return abs(part.vram_bytes - other.vram_bytes) <= 0.05 * part.vram_bytes
    return True


def _filled(part: AmdPart, other: AmdPart) -> AmdPart:
    missing = {
        entry.name: getattr(other, entry.name) for entry in fields(AmdPart) if getattr(part, entry.name) in (None, "")
    }
    filled = replace(part, **missing)
    return replace(filled, name=other.name) if is_generic(part.name) and other.name else filled


def _is_told(part: AmdPart) -> bool:
    return bool(part.vram_bytes and known_gfx(part))


def _rocm_smi(source: Source) -> list[AmdPart]:
    found = parse_rocm_smi(printed(source, ROCM_SMI_JSON))
    if found and all(part.vram_bytes and part.name for part in found):
        return found
    return join(
        found, parse_rocm_smi(*(printed(source, each) for each in (ROCM_SMI_MEMORY, ROCM_SMI_PRODUCT, ROCM_SMI)))
    )


def _with_processor(source: Source, part: AmdPart) -> AmdPart:
    """A nameless part with a carve-out, named by the processor it is in ("... w/ Radeon 8060S")."""
    if part.gfx or part.name or not part.vram_bytes or part.vram_bytes % _CARVE_OUT_STEP:
        return part
    processor = key_values(without_cut_line(source.read("/proc/cpuinfo"))).get("model name")
    gfx = known_gfx(AmdPart(name=processor))
    _, found, name = (processor or "").rpartition("w/ ")
    return replace(part, gfx=gfx, name=f"AMD {name}" if found else None) if gfx else part


def _named(source: Source, parts: list[AmdPart]) -> tuple[list[AmdPart], bool]:
    """(parts with lspci's names, whether only the bus tells of them)."""
    if parts and all(part.name and not is_generic(part.name) for part in parts):
        return parts, False
    on_bus = display_devices(source, "amd")
    by_slot = {device.slot: device for device in on_bus}
    if not parts:
        return [_of_bus(device) for device in on_bus if not draws_only(device.name, device.device_id)], True
    return [_with_bus(part, by_slot.get(part.pci_address or "")) for part in parts], False


def _of_bus(device: PciDevice) -> AmdPart:
    return AmdPart(name=_bus_name(device), pci_address=device.slot, device_id=device.device_id, driver=device.driver)


def _with_bus(part: AmdPart, device: PciDevice | None) -> AmdPart:
    if device is None:
        return part
    name = part.name if part.name and not is_generic(part.name) else _bus_name(device) or part.name
    return replace(part, name=name, device_id=part.device_id or device.device_id)


def _bus_name(device: PciDevice) -> str | None:
    return f"AMD {device.name}" if device.name else None
