"""AMD cards: the kernel's sysfs first, rocm-smi where it says nothing.

The video memory of an integrated part is a carve-out of system memory, and GTT is system memory that any part may
borrow: neither is a card's own. Which parts are integrated is told by their gfx version, since they share generic
names ("AMD Radeon Graphics") with cards. Sources: the kernel's amdgpu and kfd documentation.
"""

import json
import re
from dataclasses import dataclass, replace

from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.probes.text import key_values, number
from labkit.hardware.profile import Gpu
from labkit.hardware.source import Source

VENDOR_ID = "0x1002"
# LLVM's AMDGPU usage guide, "Processors": the ones it calls APU.
INTEGRATED_GFX = frozenset(
    "gfx902 gfx909 gfx90c gfx1013 gfx1033 gfx1035 gfx1036 gfx1103 gfx1150 gfx1151 gfx1152 gfx1153".split()
)
# Integrated parts whose graphics memory is worth using; the others have two or three compute units.
_STRONG_INTEGRATED = frozenset("gfx1103 gfx1150 gfx1151 gfx1152 gfx1153".split())
_ROCM_SMI = ("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json")
_LINE = re.compile(r"GPU\[(\d+)\]\s*:\s*([^:]+?)\s*:\s*(.+)")
_REVISION = re.compile(r"\s*\(rev [0-9a-f]+\)$")
_CARD_KEY = re.compile(r"card(\d+)")
_MIN_CARD_BYTES = 1024**3


@dataclass(frozen=True, slots=True)
class _KfdNode:
    location: int
    gfx: str


def probe_amd(source: Source) -> Finding[tuple[Gpu, ...]]:
    """Cards, and integrated parts strong enough to be of use."""
    gpus, origin = _from_sysfs(source), "sysfs (amdgpu)"
    if not gpus and source.system != "Darwin":
        output = source.run(_ROCM_SMI)
        gpus, origin = parse_rocm_smi(output.stdout if output else None), "rocm-smi"
    kept = tuple(gpu for gpu in gpus if _worth_using(gpu))
    facts = {
        f"{index}.{name}": fact for index, gpu in enumerate(kept) for name, fact in reported_by(gpu, origin).items()
    }
    return Finding(kept, facts)


def parse_rocm_smi(*texts: str | None) -> tuple[Gpu, ...]:
    """From rocm-smi's JSON or its `GPU[n] : key : value` lines; several texts are joined. Keys vary by release."""
    cards: dict[int, dict[str, str]] = {}
    for text in texts:
        for index, key, value in _rocm_entries(text or ""):
            cards.setdefault(index, {}).setdefault(key.lower(), value)
    return tuple(_rocm_card(values) for _, values in sorted(cards.items()) if "vram total memory (b)" in values)


def gfx_name(target_version: int) -> str:
    """Such as "gfx90c" from the kernel's 90012: major·10000 + minor·100 + stepping, two of them in hexadecimal."""
    return f"gfx{target_version // 10000}{target_version // 100 % 100:x}{target_version % 100:x}"


def _from_sysfs(source: Source) -> tuple[Gpu, ...]:
    nodes = _kfd_nodes(source)
    found = [
        _sysfs_card(source, path.rpartition("/")[0], nodes)
        for path in source.glob("/sys/class/drm/card*/device/mem_info_vram_total")
    ]
    return tuple(gpu for gpu in found if gpu)


def _sysfs_card(source: Source, folder: str, nodes: list[_KfdNode]) -> Gpu | None:
    total, used = (number(source.read(f"{folder}/mem_info_vram_{name}")) for name in ("total", "used"))
    if not total or (source.read(f"{folder}/vendor") or VENDOR_ID).strip() != VENDOR_ID:
        return None
    slot = key_values(source.read(f"{folder}/uevent"), "=").get("PCI_SLOT_NAME", "")
    located = [node.gfx for node in nodes if node.location == _location(slot)]
    gfx = located[0] if located else nodes[0].gfx if len(nodes) == 1 else None
    unified = gfx in INTEGRATED_GFX if gfx else None
    return Gpu(
        vendor="amd",
        name=(source.read(f"{folder}/product_name") or "").strip() or pci_name(source, slot),
        # An integrated part addresses its carve-out and, beside it, system memory up to the GTT size.
        memory_bytes=total + (number(source.read(f"{folder}/mem_info_gtt_total")) or 0 if unified else 0),
        free_bytes=max(0, total - used) if used is not None and not unified else None,
        unified=unified,
        architecture=gfx,
        driver="amdgpu",
    )


def pci_name(source: Source, slot: str) -> str | None:
    """Name that lspci gives the device at `slot`; None without lspci."""
    output = source.run(["lspci", "-s", slot]) if slot else None
    _, found, name = (output.stdout if output else "").partition(": ")
    if not found or not name.strip():
        return None
    plain = _REVISION.sub("", name.strip().splitlines()[0])
    return plain.replace("Advanced Micro Devices, Inc. [AMD/ATI]", "AMD").replace("Intel Corporation", "Intel")


def _kfd_nodes(source: Source) -> list[_KfdNode]:
    nodes: list[_KfdNode] = []
    for path in source.glob("/sys/class/kfd/kfd/topology/nodes/*/properties"):
        values = key_values(source.read(path), " ")
        version, location = number(values.get("gfx_target_version")), number(values.get("location_id"))
        if version and location is not None:  # processor nodes have version 0
            nodes.append(_KfdNode(location, gfx_name(version)))
    return nodes


def _location(slot: str) -> int | None:
    """The kernel's location_id of a PCI slot "0000:03:00.0": bus, device and function in 16 bits."""
    match = re.fullmatch(r"[0-9a-f]+:([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])", slot)
    return int(match[1], 16) << 8 | int(match[2], 16) << 3 | int(match[3]) if match else None


def _worth_using(gpu: Gpu) -> bool:
    if gpu.unified:
        return gpu.architecture in _STRONG_INTEGRATED
    return (gpu.memory_bytes or 0) >= _MIN_CARD_BYTES


def _rocm_entries(text: str) -> list[tuple[int, str, str]]:
    try:
        document = json.loads(text)
    except ValueError:
        found = [_LINE.match(line.strip()) for line in text.splitlines()]
        return [(int(match[1]), match[2].strip(), match[3].strip()) for match in found if match]
    entries: list[tuple[int, str, str]] = []
    for card, values in document.items() if isinstance(document, dict) else ():
        match = _CARD_KEY.fullmatch(card)
        if match and isinstance(values, dict):
            entries.extend((int(match[1]), str(key), str(value)) for key, value in values.items())
    return entries


def _rocm_card(values: dict[str, str]) -> Gpu:
    total, used = number(values["vram total memory (b)"]), number(values.get("vram total used memory (b)"))
    names = [values[key] for key in ("card series", "device name", "card model") if values.get(key)]
    gfx = values.get("gfx version")
    gpu = Gpu(
        vendor="amd",
        name=next((name for name in names if not name.startswith("0x") and name != "N/A"), None),
        memory_bytes=total,
        free_bytes=max(0, total - used) if total is not None and used is not None else None,
        architecture=gfx,
    )
    return replace(gpu, unified=gfx in INTEGRATED_GFX) if gfx else gpu
