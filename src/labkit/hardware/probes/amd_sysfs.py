"""AMD parts from the kernel: amdgpu's sysfs files, and the topology of KFD, its compute driver.

KFD's location_id is bus, device and function in 16 bits; its memory banks of heap type 1 and 2 are a part's own
memory, or what an integrated one may take. Sources: the kernel's amdgpu and kfd documentation.
"""

import re
from dataclasses import dataclass, replace

from labkit.hardware.capture_paths import DMESG
from labkit.hardware.probes.amd_parts import AmdPart
from labkit.hardware.probes.pci import hex_id, normal_slot
from labkit.hardware.probes.text import key_values, number, whole_pages, without_cut_line
from labkit.hardware.source import Source
from labkit.units import MIB

VENDOR_ID = "0x1002"
_CARDS = ("/sys/class/drm/card*/device/mem_info_vram_total", "/sys/bus/pci/devices/*/mem_info_vram_total")
_NODES = (
    "/sys/class/kfd/kfd/topology/nodes/*/properties",
    "/sys/devices/virtual/kfd/kfd/topology/nodes/*/properties",
)
_READY = re.compile(r"amdgpu(?: ([0-9a-f]{4}:[0-9a-f:.]+):)?.*?\b(\d{1,7})M of (VRAM|GTT) memory ready")
_FRAME_BUFFER_HEAPS = (1, 2)  # HSA_MEM_HEAP_TYPE_FB_PUBLIC, HSA_MEM_HEAP_TYPE_FB_PRIVATE


@dataclass(frozen=True, slots=True)
class _Node:
    slot: str | None
    part: AmdPart


def read_sysfs(source: Source) -> list[AmdPart]:
    """Parts with their memory; those of KFD alone where the display driver's files are missing."""
    nodes = _nodes(source)
    folders = [path.rpartition("/")[0] for path in _first_glob(source, _CARDS)]
    parts: list[AmdPart] = []
    for folder in folders:
        card = _card(source, folder)
        if card is None:
            continue
        own = [node.part for node in nodes if node.slot and node.slot == card.pci_address]
        if not own and len(nodes) == len(folders) == 1:
            own = [nodes[0].part]
        parts += _with_nodes(card, own)
    return parts or [node.part for node in nodes] or parse_dmesg(source.read(DMESG))


def parse_dmesg(text: str | None) -> list[AmdPart]:
    """From a saved kernel log: `amdgpu 0000:c5:00.0: amdgpu: 98304M of VRAM memory ready`, and the same of GTT."""
    parts: list[AmdPart] = []
    for match in _READY.finditer(text or ""):
        slot, size = normal_slot(match[1]), int(match[2]) * MIB
        if match[3] == "VRAM":
            parts.append(AmdPart(pci_address=slot, vram_bytes=size, driver="amdgpu"))
        elif parts and parts[-1].gtt_bytes is None and parts[-1].pci_address == slot:
            parts[-1] = replace(parts[-1], gtt_bytes=size)
    return parts


def gfx_name(target_version: int) -> str:
    """Such as "gfx90c" from the kernel's 90012: major·10000 + minor·100 + stepping, two of them in hexadecimal."""
    return f"gfx{target_version // 10000}{target_version // 100 % 100:x}{target_version % 100:x}"


def _card(source: Source, folder: str) -> AmdPart | None:
    def read(name: str) -> str:
        return (source.read(f"{folder}/{name}") or "").strip()

    total = whole_pages(number(read("mem_info_vram_total")))
    if not total or (read("vendor") or VENDOR_ID) != VENDOR_ID:
        return None
    slot = key_values(read("uevent"), "=").get("PCI_SLOT_NAME") or folder.rpartition("/")[2]
    return AmdPart(
        name=read("product_name") or None,
        pci_address=normal_slot(slot),
        device_id=hex_id(read("device")),
        vram_bytes=total,
        used_bytes=number(read("mem_info_vram_used")),
        gtt_bytes=whole_pages(number(read("mem_info_gtt_total"))),
        driver="amdgpu",
    )


def _with_nodes(card: AmdPart, nodes: list[AmdPart]) -> list[AmdPart]:
    """The card as programs see it: a partitioned one (MI300X in CPX mode) is several, each with its share."""
    if len(nodes) > 1 and all(node.pool_bytes for node in nodes):
        return [replace(card, gfx=node.gfx, vram_bytes=node.pool_bytes, used_bytes=None) for node in nodes]
    if not nodes:
        return [card]
    node = nodes[0]
    return [replace(card, gfx=node.gfx, device_id=card.device_id or node.device_id, integrated=node.integrated)]


def _nodes(source: Source) -> list[_Node]:
    found: list[_Node] = []
    for path in _first_glob(source, _NODES):
        values = _values(source, path)
        version = number(values.get("gfx_target_version"))
        if not version:  # processor nodes have version 0
            continue
        slot = _slot(number(values.get("location_id")), number(values.get("domain")))
        both = all(number(values.get(name)) for name in ("cpu_cores_count", "simd_count"))
        part = AmdPart(
            pci_address=slot,
            device_id=number(values.get("device_id")),
            gfx=gfx_name(version),
            pool_bytes=_own_memory(source, path.rpartition("/")[0]),
            integrated=True if both else None,
            driver="amdgpu",
        )
        found.append(_Node(slot, part))
    return found


def _own_memory(source: Source, folder: str) -> int | None:
    banks = [_values(source, path) for path in source.glob(f"{folder}/mem_banks/*/properties")]
    own = [bank for bank in banks if number(bank.get("heap_type")) in _FRAME_BUFFER_HEAPS]
    sizes = [whole_pages(number(bank.get("size_in_bytes"))) for bank in own]
    return sum(size for size in sizes if size) or None


def _values(source: Source, path: str) -> dict[str, str]:
    return key_values(without_cut_line(source.read(path)), " ")


def _slot(location: int | None, domain: int | None) -> str | None:
    if location is None or not 0 < location < 1 << 16:
        return None
    return f"{(domain or 0) & 0xFFFF:04x}:{location >> 8:02x}:{location >> 3 & 31:02x}.{location & 7}"


def _first_glob(source: Source, patterns: tuple[str, ...]) -> list[str]:
    return next((paths for pattern in patterns if (paths := source.glob(pattern))), [])
