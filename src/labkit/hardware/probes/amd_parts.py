"""What is known of AMD parts by gfx version, PCI id, name or size: whether one is integrated, and worth using.

Parts share generic names ("AMD Radeon Graphics"), so a name decides last. Sources: LLVM's AMDGPU usage guide
(processor table, the rows marked APU), the kernel's amdgpu driver and `rocminfo` reports (PCI id beside gfx version).
"""

import re
from dataclasses import dataclass

from labkit.hardware.probes.finding import reported_by
from labkit.hardware.profile import FactSource, Gpu
from labkit.units import GIB, MIB

INTEGRATED_GFX = frozenset(
    "gfx700 gfx703 gfx705 gfx801 gfx810 gfx902 gfx909 gfx90c gfx1013 gfx1033 gfx1035 gfx1036 gfx1037 gfx1103 gfx1150 "
    "gfx1151 gfx1152 gfx1153".split()
)
# The same version as a card (MI300X) and as a processor with one memory (MI300A).
_EITHER_GFX = frozenset({"gfx940", "gfx942"})
# Enough compute units to be worth their memory; the others have two to eight.
_STRONG_GFX = frozenset("gfx942 gfx1035 gfx1103 gfx1150 gfx1151 gfx1152 gfx1153".split())
INTEGRATED_IDS = {
    0x15DD: "gfx902", 0x15D8: "gfx902", 0x1636: "gfx90c", 0x1638: "gfx90c", 0x164C: "gfx90c", 0x15E7: "gfx90c",
    0x163F: "gfx1033", 0x1435: "gfx1033", 0x1681: "gfx1035", 0x164D: "gfx1035", 0x164E: "gfx1036", 0x13C0: "gfx1036",
    0x1506: "gfx1037", 0x15BF: "gfx1103", 0x15C8: "gfx1103", 0x1900: "gfx1103", 0x1901: "gfx1103",
    0x150E: "gfx1150", 0x1586: "gfx1151", 0x1114: "gfx1152", 0x74A0: "gfx942",
}  # fmt: skip
_INTEGRATED_NAMES = {
    "8040s": "gfx1151", "8050s": "gfx1151", "8060s": "gfx1151", "880m": "gfx1150", "890m": "gfx1150",
    "840m": "gfx1152", "860m": "gfx1152", "740m": "gfx1103", "760m": "gfx1103", "780m": "gfx1103",
    "660m": "gfx1035", "680m": "gfx1035", "610m": "gfx1036", "mi300a": "gfx942",
}  # fmt: skip
_INTEGRATED_DIES = {
    "strix halo": "gfx1151", "krackan": "gfx1152", "phoenix": "gfx1103", "phoenix1": "gfx1103", "phoenix2": "gfx1103",
    "phoenix3": "gfx1103", "hawkpoint": "gfx1103", "hawk point": "gfx1103", "rembrandt": "gfx1035",
    "raphael": "gfx1036", "granite ridge": "gfx1036", "mendocino": "gfx1037", "vangogh": "gfx1033",
    "cezanne": "gfx90c", "renoir": "gfx90c", "lucienne": "gfx90c", "barcelo": "gfx90c", "picasso": "gfx902",
    "raven": "gfx902", "strix": "gfx1150",
}  # fmt: skip
# "RX Vega 10 Graphics" is in a processor, "Vega 10 XT [Radeon PRO WX 9100]" a card.
_INTEGRATED_VEGA = re.compile(r"\bvega (3|6|7|8|9|10|11) (mobile )?graphics\b")
_CARD_WORDS = re.compile(r"\b(rx|navi\d*|instinct|firepro|polaris|ellesmere|baffin|arcturus|aldebaran|mi\d+[a-z]*)\b")
_CARD_LINES = re.compile(r"\b(radeon pro (w|v|vii|duo)|radeon ai pro|radeon vii|vega (56|64|10|20)\b)")
_GENERIC = {"amd", "ati", "radeon", "r", "tm", "graphics", "gpu", "advanced", "micro", "devices", "inc", "device"}
# Chips that draw a server's console and compute nothing: ES1000, Rage XL and 128, RV100.
_CONSOLE_IDS = frozenset({0x515E, 0x5969, 0x4752, 0x4753, 0x5046, 0x5159})
_CONSOLE_NAMES = re.compile(r"\b(es1000|rage|rv100)\b")
_SMALLEST_CARD_BYTES = GIB
_LARGEST_WHOLE_CARD_BYTES = 32 * GIB


@dataclass(frozen=True, slots=True)
class AmdPart:
    """One part as one source tells of it; every field may be unknown.

    Attributes:
        vram_bytes: video memory of its own, or the carve-out of an integrated part.
        gtt_bytes: system memory that the driver lets it address beside that.
        pool_bytes: what ROCm's runtime (or the kernel's KFD) offers programs on it.
        integrated: where a source says so outright.
        listed: a tool counts it among its devices, even where it tells no more of it.
    """

    name: str | None = None
    pci_address: str | None = None
    device_id: int | None = None
    gfx: str | None = None
    vram_bytes: int | None = None
    used_bytes: int | None = None
    gtt_bytes: int | None = None
    pool_bytes: int | None = None
    integrated: bool | None = None
    driver: str | None = None
    listed: bool = False

    @property
    def is_anonymous(self) -> bool:
        """A figure that says nothing of the part it belongs to."""
        return not (self.listed or self.name or self.pci_address or self.device_id or self.gfx or self.vram_bytes)


def is_generic(name: str | None) -> bool:
    """Whether a name fits any part of AMD's, or is the processor's."""
    words = re.findall(r"[a-z0-9]+", (name or "").lower())
    return set(words) <= _GENERIC or "processor" in words


def draws_only(name: str | None, device_id: int | None) -> bool:
    """Whether a part is a server's console, which no program computes on."""
    return device_id in _CONSOLE_IDS or bool(_CONSOLE_NAMES.search((name or "").lower()))


def known_gfx(part: AmdPart) -> str | None:
    """Its gfx version, from a source or by its PCI id or name."""
    return part.gfx or INTEGRATED_IDS.get(part.device_id or 0) or _gfx_by_name(part.name)


def is_integrated(part: AmdPart) -> tuple[bool | None, FactSource | None]:
    """(integrated or not, and why), by the strongest evidence at hand."""
    if part.integrated is not None:
        return part.integrated, FactSource("reported", "ROCm: the part's memory properties")
    if part.device_id in INTEGRATED_IDS:
        return True, FactSource("table", "PCI id of an integrated part")
    if part.gfx and part.gfx not in _EITHER_GFX:
        return part.gfx in INTEGRATED_GFX, FactSource("table", "gfx version, LLVM's table of AMD processors")
    if _gfx_by_name(part.name):
        return True, FactSource("table", "name of an integrated part")
    if _is_card(part.name):
        return False, FactSource("table", "name of a card")
    return _by_size(part)


def to_gpu(part: AmdPart, origin: str) -> tuple[Gpu, dict[str, FactSource]]:
    """The part as a Gpu, with the source of each fact."""
    unified, why = is_integrated(part)
    memory, free = _memory(part, integrated=bool(unified))
    gpu = Gpu(
        vendor="amd",
        name=part.name,
        memory_bytes=memory,
        free_bytes=free,
        unified=unified,
        driver=part.driver,
        architecture=known_gfx(part),
        pci_address=part.pci_address,
        carve_out_bytes=part.vram_bytes if unified else None,
    )
    facts = reported_by(gpu, origin)
    if why:
        facts["unified"] = why
    if gpu.architecture and not part.gfx:
        facts["architecture"] = FactSource("table", "PCI id or name of an integrated part")
    if free is not None and free == part.pool_bytes:
        facts["free_bytes"] = FactSource("reported", "ROCm's memory pool of the part")
    return gpu, facts


def is_worth_using(gpu: Gpu) -> bool:
    """Whether it is a card, or an integrated part that is faster than the processor beside it."""
    if gpu.unified:
        if gpu.architecture:
            return gpu.architecture in _STRONG_GFX
        return (gpu.memory_bytes or 0) >= 4 * GIB
    return gpu.memory_bytes is None or gpu.memory_bytes >= _SMALLEST_CARD_BYTES


def _memory(part: AmdPart, *, integrated: bool) -> tuple[int | None, int | None]:
    """(memory, free). An integrated part addresses its carve-out and system memory up to the GTT size."""
    if not integrated:
        total = part.vram_bytes or part.pool_bytes
        free = max(0, total - part.used_bytes) if total and part.used_bytes is not None else None
        return total, free
    total = part.vram_bytes + (part.gtt_bytes or 0) if part.vram_bytes else part.pool_bytes
    bounds = [part.pool_bytes] if part.pool_bytes else []
    if total and part.used_bytes is not None:
        bounds.append(max(0, total - part.used_bytes))
    return total, min(bounds, default=None)


def _gfx_by_name(name: str | None) -> str | None:
    words = re.findall(r"[a-z0-9]+", (name or "").lower())
    for count in (2, 1):
        for start in range(len(words) - count + 1):
            phrase = " ".join(words[start : start + count])
            if found := _INTEGRATED_DIES.get(phrase) or _INTEGRATED_NAMES.get(phrase):
                return found
    plain = " ".join(words)
    if _INTEGRATED_VEGA.search(plain):
        return "gfx902"
    return "gfx1151" if "ryzen ai max" in plain else None


def _is_card(name: str | None) -> bool:
    plain = " ".join(re.findall(r"[a-z0-9]+", (name or "").lower()))
    return bool(_CARD_WORDS.search(plain) or _CARD_LINES.search(plain))


def _by_size(part: AmdPart) -> tuple[bool | None, FactSource | None]:
    """By the size of its memory alone.

    Firmware carves out whole GiB. Cards since Vega keep 16 MiB or more of theirs back, and none before had more than
    32 GiB, so a larger whole number is a carve-out. A GTT of whole GiB above it was set by hand, which owners of
    integrated parts do; the driver's own default is a share of system memory. No card that the driver knows has less
    than 1 GiB.
    """
    vram, gtt = part.vram_bytes, part.gtt_bytes
    if not vram:
        return None, None
    if vram % GIB == GIB - 16 * MIB:
        return False, FactSource("table", "a card's memory: whole GiB less 16 MiB")
    if vram <= _SMALLEST_CARD_BYTES // 2 and vram % (32 * MIB) == 0:
        return True, FactSource("table", "a carve-out smaller than any card's memory")
    gtt_by_hand = bool(gtt) and gtt > vram and gtt >= 16 * GIB and gtt % GIB == 0
    if vram % GIB == 0 and (vram > _LARGEST_WHOLE_CARD_BYTES or gtt_by_hand):
        return True, FactSource("table", "a carve-out of whole GiB, as no card of this size reports")
    return None, None
