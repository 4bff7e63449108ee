"""What is known of Intel graphics by PCI id or name: the name on the box, and whether a part is integrated.

Source: intel/compute-runtime (MIT), the named devices of shared/source/dll/devices; Battlemage's professional cards
by the kernel's include/drm/intel/pciids.h and Intel's product pages.
"""

import re

CARDS = {
    0x4905: "Intel Iris Xe MAX",
    0x5690: "Intel Arc A770M", 0x5691: "Intel Arc A730M", 0x5692: "Intel Arc A550M", 0x5693: "Intel Arc A370M",
    0x5694: "Intel Arc A350M", 0x5696: "Intel Arc A570M", 0x5697: "Intel Arc A530M",
    0x56A0: "Intel Arc A770", 0x56A1: "Intel Arc A750", 0x56A2: "Intel Arc A580", 0x56A5: "Intel Arc A380",
    0x56A6: "Intel Arc A310", 0x56AF: "Intel Arc A760A",
    0x56B0: "Intel Arc Pro A30M", 0x56B1: "Intel Arc Pro A40/A50", 0x56B2: "Intel Arc Pro A60M",
    0x56B3: "Intel Arc Pro A60", 0x56BA: "Intel Arc A380E", 0x56BB: "Intel Arc A310E", 0x56BC: "Intel Arc A370E",
    0x56BD: "Intel Arc A350E", 0x56BE: "Intel Arc A750E", 0x56BF: "Intel Arc A580E",
    0x56C0: "Intel Data Center GPU Flex 170", 0x56C1: "Intel Data Center GPU Flex 140",
    0x56C2: "Intel Data Center GPU Flex 170V",
    0x0BD5: "Intel Data Center GPU Max 1550", 0x0BD6: "Intel Data Center GPU Max 1550",
    0x0BD9: "Intel Data Center GPU Max 1100", 0x0BDA: "Intel Data Center GPU Max 1100",
    0x0BDB: "Intel Data Center GPU Max 1100",
    0xE20B: "Intel Arc B580", 0xE20C: "Intel Arc B570", 0xE211: "Intel Arc Pro B60", 0xE212: "Intel Arc Pro B50",
    0xE223: "Intel Arc Pro B70",
}  # fmt: skip
# Meteor, Arrow, Lunar and Panther Lake: their Arc is in the processor.
_INTEGRATED_IDS = frozenset(
    {0x7D40, 0x7D45, 0x7D55, 0x7DD5, 0x7D41, 0x7D51, 0x7D67, 0x7DD1, 0x6420, 0x64A0, 0x64B0, 0xB080, 0xB081, 0xB082,
     0xB083, 0xB08F, 0xB090, 0xB0A0, 0xB0B0}
)  # fmt: skip
_CARD_MODEL = re.compile(r"\b(a|b)\d{2,3}[a-z]?\b|\b(dg1|dg2|battlemage|xe max|data center gpu|flex \d+)\b")
_INTEGRATED_MODEL = re.compile(r"\b(u?hd|iris|lake|1[34]0[tv])\b|\bintel( arc)? graphics\b")
_MARKS = re.compile(r"\((r|tm|c)\)", re.IGNORECASE)
_ON_THE_BOX = re.compile(r"\[((?:Intel )?[^\[\]/]+)\]\s*$")
INTEGRATED_SLOT = "00:02.0"


def is_integrated(name: str | None, device_id: int | None = None, slot: str | None = None) -> bool | None:
    """Whether a part is in the processor: by its id, its place on the bus, or its name. None when nothing tells."""
    if device_id in CARDS:
        return False
    if device_id in _INTEGRATED_IDS or (slot and slot.endswith(f":{INTEGRATED_SLOT}")):
        return True
    words = " ".join(re.findall(r"[a-z0-9]+", _MARKS.sub(" ", (name or "").lower())))
    if _CARD_MODEL.search(words):
        return False
    if _INTEGRATED_MODEL.search(words):
        return True
    return False if slot and int(slot.split(":")[-2], 16) > 0 else None


def product_name(described: str | None, device_id: int | None) -> str | None:
    """The name on the box: by PCI id, else the one that lspci puts in brackets, else lspci's words."""
    if device_id in CARDS:
        return CARDS[device_id]
    if not described:
        return None
    match = _ON_THE_BOX.search(described)
    plain = match[1] if match else described
    return plain if plain.startswith("Intel") else f"Intel {plain}"
