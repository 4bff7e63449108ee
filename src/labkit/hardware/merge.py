"""Joins what the system says about GPUs with what the installed core lists, and names the tier. Pure.

The core's list decides what will be used; the system's explains the rest (llama.cpp's ggml backend registry).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.profile import CoreDevice, FactSource, Gpu, Memory, NativeCore, Tier
from labkit.hardware.tiers import best_tier

_CORE = "native core"
_METAL = ("Metal", "MTL")
_VENDORS = (
    ("nvidia", {"nvidia", "geforce", "quadro", "tesla"}),
    ("amd", {"amd", "radeon", "instinct"}),
    ("intel", {"intel", "intel(r)", "arc"}),
    ("apple", {"apple"}),
    ("moore threads", {"mthreads"}),
    ("huawei", {"ascend"}),
)
_BACKEND_VENDORS = {"CUDA": "nvidia", "ROCm": "amd", "HIP": "amd", "Metal": "apple", "MTL": "apple"}
_SHARE_ALL = ("apple", "nvidia")
_SOFTWARE = ("llvmpipe", "swiftshader", "softpipe", "basic render")


@dataclass(frozen=True, slots=True)
class MergedGpus:
    """GPUs of the machine, with a source for each known fact, keyed "<index>.<field>"."""

    gpus: tuple[Gpu, ...]
    sources: dict[str, FactSource]


def merge_gpus(findings: Iterable[Finding[tuple[Gpu, ...]]], core: NativeCore | None, memory: Memory) -> MergedGpus:
    """One Gpu for each card. Devices of the core that no probe found are added; nothing is summed.

    Args:
        findings: of each vendor's probe; a card that two of them report is kept once, from the first.
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


def choose_tier(gpus: Iterable[Gpu]) -> Tier:
    """Tier of the best device that the installed core can use; a card it cannot use counts for nothing."""
    return best_tier({gpu.backend for gpu in gpus if gpu.usable and gpu.backend})


Entry = tuple[Gpu, dict[str, FactSource]]


def _distinct(findings: Iterable[Finding[tuple[Gpu, ...]]]) -> list[Entry]:
    entries: list[Entry] = []
    for finding in findings:
        seen = {_normal(gpu.name) for gpu, _ in entries if gpu.name}
        for index, gpu in enumerate(finding.value):
            if _normal(gpu.name) in seen:
                continue
            facts = {
                key.partition(".")[2]: fact
                for key, fact in finding.sources.items()
                if key.partition(".")[0] == str(index)
            }
            entries.append((gpu, facts))
    return entries


def _match(entries: list[Entry], device: CoreDevice) -> int | None:
    """Index of the entry that is `device`: by name, by vendor and size, or as its vendor's only free one."""
    named = [index for index, (gpu, _) in enumerate(entries) if _normal(gpu.name) == _normal(device.description)]
    for index in named:
        # A card that another backend of this core listed before (CUDA, then Vulkan) is the same card.
        if entries[index][0].backend != device.backend:
            return index
    vendor = _device_vendor(device)
    free = [i for i, (gpu, _) in enumerate(entries) if gpu.core_device is None and gpu.vendor == vendor]
    sized = [index for index in free if _close(entries[index][0].memory_bytes, device.total_bytes)]
    if sized:
        return sized[0]
    return free[0] if len(free) == 1 else None


def _close(one: int | None, other: int | None) -> bool:
    # Drivers and backends keep different amounts for themselves.
    if not one or not other:
        return False
    return abs(one - other) <= 0.1 * max(one, other)


def _joined(gpu: Gpu, facts: dict[str, FactSource], device: CoreDevice) -> Entry:
    if gpu.core_device is not None:
        return gpu, facts
    unified = gpu.unified if gpu.unified is not None else device.kind == "igpu"
    vendor = gpu.vendor or _device_vendor(device)
    joined = replace(
        gpu,
        vendor=vendor,
        # lspci names a family of chips where the core names the card.
        name=(gpu.name if vendor == "nvidia" else device.description) or gpu.name or device.description or None,
        memory_bytes=_memory_of(gpu.memory_bytes, device.total_bytes, unified=unified),
        free_bytes=device.free_bytes if device.free_bytes is not None else gpu.free_bytes,
        unified=unified,
        backend=device.backend,
        core_device=device.name,
        # llama.cpp's Metal backend is made for Apple silicon: an Intel Mac's card is not to be relied on.
        usable=device.backend not in _METAL or vendor == "apple",
    )
    by_core = reported_by(joined, _CORE)
    kept = {name: fact for name, fact in facts.items() if getattr(gpu, name) == getattr(joined, name)}
    return joined, by_core | kept


def _memory_of(probed: int | None, listed: int | None, *, unified: bool) -> int | None:
    if unified and listed:
        return listed  # what the system calls its memory may be a small carve-out, or one the backend cannot reach
    return min((size for size in (probed, listed) if size), default=None)


def _finished(gpu: Gpu, facts: dict[str, FactSource], memory: Memory, *, usable_known: bool) -> Entry:
    facts = dict(facts)
    if gpu.unified and gpu.memory_bytes is None and memory.physical_bytes is not None:
        gpu = replace(gpu, memory_bytes=memory.physical_bytes)
        facts["memory_bytes"] = FactSource("reported", "system memory: the part is unified")
    # AMD's carve-outs are outside of system memory: there a known figure is not bounded by the system's.
    bounded = gpu.unified and (gpu.free_bytes is None or gpu.vendor in _SHARE_ALL)
    bounds = [size for size in (gpu.free_bytes, gpu.memory_bytes, memory.budget_bytes) if size is not None]
    if bounded and memory.budget_bytes is not None and min(bounds) != gpu.free_bytes:
        gpu = replace(gpu, free_bytes=min(bounds))
        facts["free_bytes"] = FactSource("reported", "system memory budget: the part is unified")
    if usable_known and gpu.usable is None:
        gpu = replace(gpu, usable=False)
    if gpu.usable is not None:
        facts["usable"] = FactSource("reported", _CORE)
    return gpu, facts


def _device_vendor(device: CoreDevice) -> str | None:
    words = set(re.split(r"[\s,]+", device.description.lower()))
    for vendor, marks in _VENDORS:
        if words & marks:
            return vendor
    return _BACKEND_VENDORS.get(device.backend)


def _normal(name: str | None) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", (name or "").lower()))
