"""What an output of NVIDIA's tools says of a card, whatever its form, and how several outputs are joined. Pure."""

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from labkit.hardware.probes.pci import normal_slot
from labkit.hardware.profile import Gpu

MIB = 1024**2
_SIZE = re.compile(r"(\d{1,12})\s*(B|KiB|MiB|GiB)?", re.IGNORECASE)
_FACTORS = {"b": 1, "kib": 1024, "mib": MIB, "gib": 1024**3}
_CLOCK = re.compile(r"(\d{1,6})(?:\s*MHz)?", re.IGNORECASE)
# What the tools print where they have no answer. "Not available" is a statement about the part, an error is none.
_ABSENT = frozenset({"", "n/a", "not supported", "not available", "not applicable", "none", "function not found"})
_FAILED = re.compile(
    r"err!|unknown error|gpu is lost|insufficient permissions|requested functionality|no permission|\?"
)
# Parts whose memory is the system's. What some of them report as memory is a small window of it.
_UNIFIED_WORDS = frozenset(
    {"gb10", "thor", "orin", "xavier", "tegra", "nvgpu", "n1x", "n1", "jetson", "t5000", "t4000"}
)
_LARGEST_WINDOW_BYTES = 32 * 1024**3


@dataclass(frozen=True, slots=True)
class Slice:
    """A MIG instance: its own memory."""

    memory_bytes: int | None = None
    free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A card as one output shows it. None is what the output does not say.

    Attributes:
        index: its number in that output.
        memory_absent: the output says that there is no figure (unified parts), rather than failing to give one.
        reserved_bytes: what the driver keeps of `memory_bytes`.
        mig: whether the card is partitioned.
        slices: of a partitioned card, None where the output does not list them.
        addressing_mode: "ATS" where the GPU reads the processor's page tables, "HMM" or "None".
        bus_width_bits: of its memory.
    """

    index: int | None = None
    name: str | None = None
    pci_address: str | None = None
    memory_bytes: int | None = None
    free_bytes: int | None = None
    used_bytes: int | None = None
    reserved_bytes: int | None = None
    memory_absent: bool | None = None
    compute_capability: str | None = None
    driver: str | None = None
    mig: bool | None = None
    slices: tuple[Slice, ...] | None = None
    addressing_mode: str | None = None
    memory_clock_mhz: int | None = None
    bus_width_bits: int | None = None

    @property
    def cut_name(self) -> bool:
        """Whether a table had no room for the whole name."""
        return (self.name or "").rstrip().endswith(("...", ".."))

    @property
    def complete(self) -> bool:
        """Whether no other output needs to be asked about this card."""
        sized = self.memory_bytes is not None or bool(self.memory_absent)
        return bool(self.name) and not self.cut_name and sized and not (self.mig and self.slices is None)


def known(text: str | None) -> str | None:
    """The text, unless it says that there is nothing or that asking failed ("[N/A]", "ERR!", "[Unknown Error]")."""
    clean = (text or "").strip()
    plain = clean.strip("[]").lower()
    return None if plain in _ABSENT or _FAILED.search(plain) else clean


def says_absent(text: str | None) -> bool:
    """Whether the text states that there is no such value ("[N/A]", "Not Supported"); an error states nothing."""
    return text is not None and text.strip() != "" and text.strip().strip("[]").lower() in _ABSENT


def size_bytes(text: str | None) -> int | None:
    """Bytes from "24564", "6144 MiB" (the tools' unit is MiB) or "12 GiB"; None for "[N/A]", "ERR!" and the like."""
    match = _SIZE.fullmatch((text or "").strip())
    return int(match[1]) * _FACTORS[(match[2] or "MiB").lower()] if match else None


def clock_mhz(text: str | None) -> int | None:
    """From "10501 MHz" or "10501"; None for anything else."""
    match = _CLOCK.fullmatch((text or "").strip())
    return int(match[1]) if match else None


def enabled(text: str | None) -> bool | None:
    """Of "Enabled" and "Disabled"; a part that cannot ("N/A") is not; None where nothing is said."""
    if not text or _FAILED.search(text.lower()):
        return None
    return text.strip().strip("*").lower() == "enabled"


def card(texts: dict[str, str], index: int | None, driver: str | None = None) -> Card:
    """From a card's fields as text, keyed as `--query-gpu` names them."""
    total = texts.get("memory.total")
    size = size_bytes(total) or None
    return Card(
        index=index,
        name=known(texts.get("name")),
        pci_address=normal_slot(texts.get("pci.bus_id")),
        memory_bytes=size,
        free_bytes=size_bytes(texts.get("memory.free")) if size else None,
        used_bytes=size_bytes(texts.get("memory.used")) if size else None,
        reserved_bytes=size_bytes(texts.get("memory.reserved")) if size else None,
        # Jetsons print a size of zero.
        memory_absent=says_absent(total) or (total is not None and size_bytes(total) == 0) if not size else None,
        compute_capability=_capability(texts.get("compute_cap")),
        driver=known(texts.get("driver_version")) or driver,
        mig=enabled(texts.get("mig.mode.current")),
        addressing_mode=_mode(texts.get("addressing_mode")),
        memory_clock_mhz=clock_mhz(texts.get("clocks.max.memory")),
    )


def join_cards(readings: Iterable[tuple[Card, ...]]) -> tuple[Card, ...]:
    """One Card for each card of several outputs; an earlier output goes before a later one.

    The same card: of equal bus address, else of equal number.
    """
    joined: list[Card] = []
    for reading in readings:
        fresh: list[Card] = []
        for one in reading:
            place = _place(joined, one)
            if place is None:
                fresh.append(one)
            else:
                joined[place] = _joined(joined[place], one)
        joined += fresh
    return tuple(joined)


def is_unified(one: Card, system_bytes: int | None) -> bool | None:
    """Whether its memory is the system's; None when nothing tells.

    By name, or because the tools state that there is no figure, or because a small figure stands beside address
    translation services and far more system memory. Cards with memory of their own can have those services as well
    (GH200).
    """
    words = set(re.findall(r"[a-z0-9]+", (one.name or "").lower()))
    if words & _UNIFIED_WORDS:
        return True
    if one.memory_bytes is None:
        return one.addressing_mode != "HMM" and not one.mig if one.memory_absent else None
    window = one.memory_bytes <= min(_LARGEST_WINDOW_BYTES, (system_bytes or 0) / 4)
    return one.addressing_mode == "ATS" and window


def gpus_of(one: Card, system_bytes: int | None) -> list[Gpu]:
    """The GPU that a program sees: the card, or each slice of a partitioned one, whose own memory is out of reach."""
    unified = is_unified(one, system_bytes)
    gpu = Gpu(
        vendor="nvidia",
        name=one.name,
        unified=unified,
        driver=one.driver,
        compute_capability=one.compute_capability,
        mig=one.mig,
        pci_address=one.pci_address,
        memory_clock_mhz=one.memory_clock_mhz,
        peak_bandwidth_bytes_per_second=_bandwidth(one),
    )
    if one.mig:
        part = replace(gpu, unified=False, peak_bandwidth_bytes_per_second=None)
        slices = one.slices or (Slice(),)
        return [replace(part, memory_bytes=own.memory_bytes, free_bytes=own.free_bytes) for own in slices]
    if unified or one.memory_bytes is None:
        return [gpu]
    return [replace(gpu, memory_bytes=one.memory_bytes, free_bytes=_free(one, one.memory_bytes))]


def _free(one: Card, total: int) -> int | None:
    # What the driver reserves is in the total, and in no program's reach.
    usable = total - (one.reserved_bytes or 0)
    free = one.free_bytes
    if free is None and one.used_bytes is not None:
        free = usable - one.used_bytes
    return None if free is None else max(0, min(free, usable))


def _bandwidth(one: Card) -> float | None:
    if not one.bus_width_bits or not one.memory_clock_mhz:
        return None
    # Two transfers in each of the clocks that NVML reports, whatever the memory's type: 10501 MHz and 384 bits are
    # the 1008 GB/s of an RTX 4090, 2619 MHz and 5120 bits the 3352 GB/s of an H100.
    return 2 * one.memory_clock_mhz * 1e6 * one.bus_width_bits / 8


def _place(joined: list[Card], one: Card) -> int | None:
    for place, other in enumerate(joined):
        if one.pci_address and other.pci_address:
            if one.pci_address == other.pci_address:
                return place
        elif one.index is not None and one.index == other.index:
            return place
    return None


def _joined(first: Card, second: Card) -> Card:
    """`first`, with what only `second` knows. Memory is one of the two's: free and total belong together."""
    name = second.name if first.cut_name and second.name else first.name or second.name
    fields = {
        entry.name: getattr(second, entry.name)
        for entry in dataclasses.fields(Card)
        if getattr(first, entry.name) is None
    }
    memory = ("memory_bytes", "free_bytes", "used_bytes", "reserved_bytes", "memory_absent")
    if first.memory_bytes is not None:
        fields = {key: value for key, value in fields.items() if key not in memory}
        if first.free_bytes is None and second.memory_bytes == first.memory_bytes:
            fields |= {key: getattr(second, key) for key in memory[1:4]}
    return replace(first, **{**fields, "name": name})


def _capability(text: str | None) -> str | None:
    value = known(text) or ""
    return value if re.fullmatch(r"\d{1,2}\.\d", value) else None


def _mode(text: str | None) -> str | None:
    return next((mode for mode in ("ATS", "HMM") if mode == (text or "").strip().upper()), None)
