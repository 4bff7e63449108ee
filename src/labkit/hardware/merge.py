"""Joins what the system says about GPUs with what the installed core lists, and names the tier. Pure.

The core's list decides what will be used; the system's explains the rest (llama.cpp's ggml backend registry).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from labkit.hardware.device_name import parse_device_name
from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.profile import CoreDevice, FactSource, Gpu, Memory, NativeCore, Tier
from labkit.hardware.same_card import as_gpu, close_sizes, find_same, is_generic
from labkit.hardware.tiers import advised_tier, best_tier

_CORE = "native core"
_METAL = ("Metal", "MTL")
_BACKEND_VENDORS = {"CUDA": "nvidia", "ROCm": "amd", "HIP": "amd", "Metal": "apple", "MTL": "apple"}
_SOFTWARE = ("llvmpipe", "swiftshader", "softpipe", "basic render")
# What Mesa adds to a card's name: its driver, or the chip's code.
_DRIVER_NOTE = re.compile(r"\s*\((?:RADV [^)]*|[A-Z0-9]{2,5}(?:-[A-Z])?(?: [A-Z]+\d+)?)\)$")


@dataclass(frozen=True, slots=True)
class MergedGpus:
    """GPUs of the machine, with a source for each known fact, keyed "<index>.<field>"."""

    gpus: tuple[Gpu, ...]
    sources: dict[str, FactSource]


def merge_gpus(findings: Iterable[Finding[tuple[Gpu, ...]]], core: NativeCore | None, memory: Memory) -> MergedGpus:
    """One Gpu for each card. Devices of the core that no probe found are added; nothing is summed.

    Args:
        findings: the surest first. What one lists is as many cards; of a card that two report, the second fills in
            what the first left open.
        core: None when it was not asked: then `usable` stays unknown.
        memory: a unified part without memory of its own is given the system's.
    """
    entries = _distinct(findings)
    devices = [device for device in core.devices if is_gpu(device)] if core else []
    for device in devices:
        index = _match(entries, device)
        if index is None:
            entries.append((Gpu(), {}))
            index = len(entries) - 1
        entries[index] = _joined(*entries[index], device)
    known = core is not None and core.load_error is None
    finished = [_finished(gpu, facts, memory, usable_known=known) for gpu, facts in entries]
    return MergedGpus(
        gpus=tuple(gpu for gpu, _ in finished),
        sources={f"{index}.{name}": fact for index, (_, facts) in enumerate(finished) for name, fact in facts.items()},
    )


def is_gpu(device: CoreDevice) -> bool:
    """Whether a device of the core is graphics hardware: software renderers pose as such."""
    software = any(mark in device.description.lower() for mark in _SOFTWARE)
    return device.kind in ("gpu", "igpu") and not software


def choose_tier(gpus: Iterable[Gpu], core: NativeCore | None = None, system: str | None = None) -> Tier:
    """Tier of the best device that the installed core can use; a card it cannot use counts for nothing.

    Where nobody asked a core (a capture without one), the tier is that of a core built for the hardware on `system`.
    """
    listed = tuple(gpus)
    if core is not None or any(gpu.usable is not None for gpu in listed):
        return best_tier({gpu.backend for gpu in listed if gpu.usable and gpu.backend})
    # Metal is made for Apple's chips under macOS: not for other cards in a Mac, nor for a Mac that runs Linux.
    fitting = [
        gpu for gpu in listed if gpu.vendor and not is_weak(gpu) and (system == "Darwin") == (gpu.vendor == "apple")
    ]
    return best_tier({advised_tier(gpu.vendor or "", windows=system == "Windows").backends[0] for gpu in fitting})


def is_weak(gpu: Gpu) -> bool:
    """Whether it has no more memory bandwidth than the processor: an Intel part inside of one."""
    return gpu.vendor == "intel" and bool(gpu.unified)


Entry = tuple[Gpu, dict[str, FactSource]]


def _distinct(findings: Iterable[Finding[tuple[Gpu, ...]]]) -> list[Entry]:
    entries: list[Entry] = []
    for finding in findings:
        free = list(range(len(entries)))
        for index, gpu in enumerate(finding.value):
            facts = {
                key.partition(".")[2]: fact
                for key, fact in finding.sources.items()
                if key.partition(".")[0] == str(index)
            }
            same = find_same(gpu, [known for known, _ in entries], free)
            if same is None:
                entries.append((gpu, facts))
            else:
                free.remove(same)
                entries[same] = _filled(*entries[same], gpu, facts)
    return entries


def _filled(gpu: Gpu, facts: dict[str, FactSource], second: Gpu, told: dict[str, FactSource]) -> Entry:
    """A card with what a second source adds. Free memory belongs to the size that it was read beside."""
    missing = [
        entry.name
        for entry in fields(Gpu)
        if getattr(gpu, entry.name) is None and getattr(second, entry.name) is not None
    ]
    taken = [name for name in missing if name != "free_bytes" or gpu.memory_bytes in (None, second.memory_bytes)]
    if gpu.name and is_generic(gpu.name) and not is_generic(second.name):
        taken.append("name")
    filled = replace(gpu, **{name: getattr(second, name) for name in taken})
    return filled, facts | {name: told[name] for name in taken if name in told}


def _match(entries: list[Entry], device: CoreDevice) -> int | None:
    """Index of the entry that is `device`: by address, name, or vendor and size, or as its vendor's only free one."""
    # A card that another backend of this core listed before (CUDA, then Vulkan) is the same card.
    free = [index for index, (gpu, _) in enumerate(entries) if gpu.backend != device.backend]
    vendor = _device_vendor(device)
    same = find_same(as_gpu(device, vendor), [gpu for gpu, _ in entries], free)
    if same is not None:
        return same
    left = [i for i in free if entries[i][0].core_device is None and entries[i][0].vendor == vendor]
    left = [i for i in left if not (device.pci_address and entries[i][0].pci_address)]
    sized = [index for index in left if close_sizes(entries[index][0].memory_bytes, device.total_bytes)]
    if sized:
        return sized[0]
    return left[0] if len(left) == 1 else None


def _joined(gpu: Gpu, facts: dict[str, FactSource], device: CoreDevice) -> Entry:
    if gpu.core_device is not None:
        return gpu, facts
    unified = gpu.unified if gpu.unified is not None else device.kind == "igpu"
    vendor = gpu.vendor or _device_vendor(device)
    joined = replace(
        gpu,
        vendor=vendor,
        name=_name_of(gpu.name, _DRIVER_NOTE.sub("", device.description) or None, vendor),
        memory_bytes=_memory_of(gpu.memory_bytes, device.total_bytes, unified=unified),
        free_bytes=device.free_bytes if device.free_bytes is not None else gpu.free_bytes,
        unified=unified,
        backend=device.backend,
        core_device=device.name,
        pci_address=gpu.pci_address or device.pci_address,
        # llama.cpp's Metal backend is made for Apple silicon: an Intel Mac's card is not to be relied on.
        usable=device.backend not in _METAL or vendor == "apple",
    )
    by_core = reported_by(joined, _CORE)
    kept = {name: fact for name, fact in facts.items() if getattr(gpu, name) == getattr(joined, name)}
    return joined, by_core | kept


def _name_of(probed: str | None, listed: str | None, vendor: str | None) -> str | None:
    # lspci names a family of chips where the core names the card; NVIDIA's tool and the core say the same.
    if vendor == "nvidia" or (probed and is_generic(listed)):
        return probed or listed
    return listed or probed


def _memory_of(probed: int | None, listed: int | None, *, unified: bool) -> int | None:
    if unified and listed:
        return listed  # what the system calls its memory may be a small carve-out, or one the backend cannot reach
    return min((size for size in (probed, listed) if size), default=None)


def _finished(gpu: Gpu, facts: dict[str, FactSource], memory: Memory, *, usable_known: bool) -> Entry:
    facts = dict(facts)
    bound = _shared_bound(gpu, memory)
    if bound is not None and (gpu.free_bytes is None or bound < gpu.free_bytes):
        gpu = replace(gpu, free_bytes=bound)
        facts["free_bytes"] = FactSource("reported", "system memory budget: the part is unified")
    if gpu.unified and gpu.memory_bytes is None and memory.physical_bytes is not None:
        gpu = replace(gpu, memory_bytes=memory.physical_bytes)
        facts["memory_bytes"] = FactSource("reported", "system memory: the part is unified")
    if usable_known and gpu.usable is None:
        gpu = replace(gpu, usable=False)
    if gpu.usable is not None:
        facts["usable"] = FactSource("reported", _CORE)
    return gpu, facts


def _shared_bound(gpu: Gpu, memory: Memory) -> int | None:
    """What a unified part can take at most: the budget of the memory that it shares, and its own carve-out beside it.

    A carve-out is no part of the system's memory, so a known figure of an AMD part without one is not bounded.
    """
    budget = memory.budget_bytes
    if not gpu.unified or budget is None:
        return None
    if gpu.vendor == "amd" and gpu.carve_out_bytes and gpu.memory_bytes:
        return gpu.carve_out_bytes + min(budget, max(0, gpu.memory_bytes - gpu.carve_out_bytes))
    if gpu.vendor == "amd" and gpu.free_bytes is not None:
        return None
    return min(budget, gpu.memory_bytes or budget)


def _device_vendor(device: CoreDevice) -> str | None:
    return parse_device_name(device.description).vendor or _BACKEND_VENDORS.get(device.backend)
