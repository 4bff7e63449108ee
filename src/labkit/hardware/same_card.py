"""Whether two descriptions are of one card. Pure.

A PCI address decides where both have one. Names are compared as whole words; a name that fits any part of its maker
("AMD Radeon Graphics") says nothing, and then memory must agree.
"""

from collections.abc import Iterable, Sequence

from labkit.hardware.device_name import parse_device_name
from labkit.hardware.probes.pci import normal_slot
from labkit.hardware.profile import CoreDevice, Gpu

_SAME_ADDRESS, _SAME_NAME, _NAME_OF_FAMILY, _SAME_SIZE, _ONLY_ONE = 100, 50, 40, 30, 10
_TOLERANCE = 0.1


def find_same(card: Gpu, others: Sequence[Gpu], among: Iterable[int]) -> int | None:
    """Index of the one of `others` that `card` is; None when it is none of them, or could be several.

    Args:
        card: as a second source describes it.
        others: as known so far.
        among: indices of those that the second source has not described yet.
    """
    rated = [(likeness, close_sizes(card.memory_bytes, others[index].memory_bytes), -index) for index in among
             if (likeness := _likeness(card, others[index]))]  # fmt: skip
    if not rated:
        return None
    likeness, _, negative = max(rated)
    vague = [entry for entry in rated if entry[0] == _ONLY_ONE]
    return None if likeness == _ONLY_ONE and len(vague) > 1 else -negative


def as_gpu(device: CoreDevice, vendor: str | None) -> Gpu:
    """A device of the core in the words of a probe, to be compared."""
    return Gpu(
        vendor=vendor,
        name=device.description or None,
        memory_bytes=device.total_bytes,
        unified=True if device.kind == "igpu" else None,
        pci_address=normal_slot(device.pci_address),
    )


def is_generic(name: str | None) -> bool:
    """Whether a name fits every part of its maker, or is none."""
    return not parse_device_name(name or "").all_words


def _likeness(one: Gpu, two: Gpu) -> int | None:
    addresses = [normal_slot(gpu.pci_address) for gpu in (one, two)]
    if all(addresses):
        return _SAME_ADDRESS if addresses[0] == addresses[1] else None
    if one.vendor and two.vendor and one.vendor != two.vendor:
        return None
    if one.unified is not None and two.unified is not None and one.unified != two.unified:
        return None
    first, second = (parse_device_name(gpu.name or "") for gpu in (one, two))
    if first.all_words and second.all_words:
        if first.words == second.words:
            return _SAME_NAME
        return _NAME_OF_FAMILY if _in_family(one, two) or _in_family(two, one) else None
    return _by_size(one, two)


def _in_family(card: Gpu, family: Gpu) -> bool:
    """Whether a name lists several cards, as PCI databases do ("Navi 31 [RX 7900 XT/7900 XTX]"), with this one."""
    if "/" not in (family.name or ""):
        return False
    return parse_device_name(card.name or "").words <= parse_device_name((family.name or "").replace("/", " ")).words


def _by_size(one: Gpu, two: Gpu) -> int | None:
    # Of a unified part tools report the carve-out, the pool, or all memory.
    if one.unified or two.unified or not (one.memory_bytes and two.memory_bytes):
        return _ONLY_ONE
    return _SAME_SIZE if close_sizes(one.memory_bytes, two.memory_bytes) else None


def close_sizes(one: int | None, other: int | None) -> bool:
    """Whether two tools may mean the same memory: each keeps another part of it for itself. Unknown is not close."""
    if not one or not other:
        return False
    return abs(one - other) <= _TOLERANCE * max(one, other)
