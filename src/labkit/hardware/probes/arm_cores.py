"""Arm cores by implementer and part number: /proc/cpuinfo has no model name for them.

Numbers: the kernel's arch/arm64/include/asm/cputype.h and util-linux' sys-utils/lscpu-arm.c.
"""

from collections import Counter
from collections.abc import Iterable

_IMPLEMENTERS = {
    0x41: "Arm", 0x42: "Broadcom", 0x43: "Cavium", 0x46: "Fujitsu", 0x48: "HiSilicon", 0x4E: "NVIDIA", 0x50: "APM",
    0x51: "Qualcomm", 0x53: "Samsung", 0x56: "Marvell", 0x61: "Apple", 0x6D: "Microsoft", 0x70: "Phytium",
    0xC0: "Ampere",
}  # fmt: skip
_PARTS = {
    (0x41, 0xB76): "ARM1176", (0x41, 0xC07): "Cortex-A7", (0x41, 0xC08): "Cortex-A8", (0x41, 0xC09): "Cortex-A9",
    (0x41, 0xC0F): "Cortex-A15", (0x41, 0xD03): "Cortex-A53", (0x41, 0xD04): "Cortex-A35",
    (0x41, 0xD05): "Cortex-A55", (0x41, 0xD07): "Cortex-A57", (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD09): "Cortex-A73", (0x41, 0xD0A): "Cortex-A75", (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1", (0x41, 0xD0D): "Cortex-A77", (0x41, 0xD0E): "Cortex-A76AE",
    (0x41, 0xD40): "Neoverse-V1", (0x41, 0xD41): "Cortex-A78", (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD44): "Cortex-X1", (0x41, 0xD46): "Cortex-A510", (0x41, 0xD47): "Cortex-A710",
    (0x41, 0xD48): "Cortex-X2", (0x41, 0xD49): "Neoverse-N2", (0x41, 0xD4A): "Neoverse-E1",
    (0x41, 0xD4B): "Cortex-A78C", (0x41, 0xD4C): "Cortex-X1C", (0x41, 0xD4D): "Cortex-A715",
    (0x41, 0xD4E): "Cortex-X3", (0x41, 0xD4F): "Neoverse-V2", (0x41, 0xD80): "Cortex-A520",
    (0x41, 0xD81): "Cortex-A720", (0x41, 0xD82): "Cortex-X4", (0x41, 0xD83): "Neoverse-V3AE",
    (0x41, 0xD84): "Neoverse-V3", (0x41, 0xD85): "Cortex-X925", (0x41, 0xD87): "Cortex-A725",
    (0x41, 0xD8E): "Neoverse-N3",
    (0x46, 0x001): "A64FX", (0x48, 0xD01): "Kunpeng-920", (0x4E, 0x004): "Carmel",
    (0x51, 0x001): "Oryon", (0x51, 0x800): "Kryo-2xx-Gold", (0x51, 0x801): "Kryo-2xx-Silver",
    (0x51, 0x802): "Kryo-3xx-Gold", (0x51, 0x803): "Kryo-3xx-Silver", (0x51, 0x804): "Kryo-4xx-Gold",
    (0x51, 0x805): "Kryo-4xx-Silver",
    (0x61, 0x022): "Icestorm-M1", (0x61, 0x023): "Firestorm-M1", (0x61, 0x024): "Icestorm-M1-Pro",
    (0x61, 0x025): "Firestorm-M1-Pro", (0x61, 0x028): "Icestorm-M1-Max", (0x61, 0x029): "Firestorm-M1-Max",
    (0x61, 0x032): "Blizzard-M2", (0x61, 0x033): "Avalanche-M2", (0x61, 0x034): "Blizzard-M2-Pro",
    (0x61, 0x035): "Avalanche-M2-Pro", (0x61, 0x038): "Blizzard-M2-Max", (0x61, 0x039): "Avalanche-M2-Max",
    (0xC0, 0xAC3): "Ampere-1", (0xC0, 0xAC4): "Ampere-1a",
}  # fmt: skip
# In-order and low-power designs: beside other cores of one chip they are the slow ones.
LITTLE_CORES = frozenset(
    {"Cortex-A7", "Cortex-A35", "Cortex-A53", "Cortex-A55", "Cortex-A510", "Cortex-A520"}
    | {name for name in _PARTS.values() if name.startswith(("Icestorm", "Blizzard")) or name.endswith("Silver")}
)

Part = tuple[int, int]


def arm_vendor(implementer: int | None) -> str | None:
    """Who designed the core; None for a number no table knows."""
    return _IMPLEMENTERS.get(implementer) if implementer is not None else None


def arm_core_name(part: Part) -> str | None:
    """Such as "Cortex-A76"; a number no table knows is unknown, never a neighbour."""
    return _PARTS.get(part)


def describe_arm_cores(parts: Iterable[Part]) -> str | None:
    """One name for the cores of a chip, with the numbers that it was read from.

    Cores of one kind: "Cortex-A76 (implementer 0x41 part 0xd0b)"; of several, with their counts, fast ones first.
    """
    counts = Counter(parts)
    if not counts:
        return None
    if len(counts) == 1:
        ((implementer, part),) = counts
        name = arm_core_name((implementer, part)) or "Arm core"
        return f"{name} (implementer {implementer:#04x} part {part:#05x})"
    ordered = sorted(counts.items(), key=lambda entry: (_is_little(entry[0]), -entry[1], entry[0]))
    return " + ".join(f"{count}x {arm_core_name(part) or f'part {part[1]:#05x}'}" for part, count in ordered)


def count_classes(parts: Iterable[Part]) -> tuple[int | None, int | None]:
    """(fast, slow) cores of a chip with low-power cores beside others; (None, None) for any other."""
    kinds = [_is_little(part) for part in parts]
    slow = sum(kinds)
    return (len(kinds) - slow, slow) if 0 < slow < len(kinds) else (None, None)


def _is_little(part: Part) -> bool:
    return arm_core_name(part) in LITTLE_CORES
