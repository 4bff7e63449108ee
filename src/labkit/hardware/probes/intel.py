"""Intel graphics on Linux: the kernel's sysfs, then lspci and xpu-smi.

The part at PCI 00:02.0 is integrated and uses system memory: no tool's figure is its own. The memory of a card is
what its driver tells, and unknown where it does not.
"""

from dataclasses import replace

from labkit.hardware.probes.finding import Finding, facts_of
from labkit.hardware.probes.intel_parts import is_integrated, product_name
from labkit.hardware.probes.pci import display_devices, hex_id, normal_slot
from labkit.hardware.probes.text import key_values, number, whole_pages
from labkit.hardware.probes.xpu_smi import parse_xpu_smi
from labkit.hardware.profile import FactSource, Gpu
from labkit.hardware.source import Source, printed

VENDOR_ID = "0x8086"
XPU_SMI = ("xpu-smi", "discovery")
# The xe driver lists memory for each tile, i915 for the card.
_MEMORY_FILES = ("tile*/physical_vram_size_bytes", "lmem_total_bytes")
_INTEGRATED = FactSource("table", "PCI address or name of an integrated part")


def probe_intel(source: Source) -> Finding[tuple[Gpu, ...]]:
    """Cards and integrated parts. The memory of a card is None where its driver does not tell."""
    gpus, origin = _from_sysfs(source), "sysfs"
    if not gpus:
        gpus, origin = _from_lspci(source), "lspci"
    facts = facts_of(gpus, origin)
    if origin == "lspci":
        gpus, more = _with_lone_size(gpus, source)
        facts |= more
    if not gpus or any(gpu.memory_bytes is None and not gpu.unified for gpu in gpus):
        gpus, told = _with_xpu_smi(gpus, printed(source, XPU_SMI))
        facts |= {key: fact for key, fact in facts_of(gpus, "xpu-smi").items() if key in told or key not in facts}
    for index, gpu in enumerate(gpus):
        if gpu.unified:
            facts[f"{index}.unified"] = _INTEGRATED
    return Finding(tuple(gpus), facts)


def _from_sysfs(source: Source) -> list[Gpu]:
    cards: list[tuple[str, str | None, str | None]] = []
    for path in source.glob("/sys/class/drm/card*/device/vendor"):
        folder = path.rpartition("/")[0]
        if "-" in path.split("/")[-3] or (source.read(path) or "").strip() != VENDOR_ID:  # card0-HDMI-A-1 is a plug
            continue
        event = key_values(source.read(f"{folder}/uevent"), "=")
        cards.append((folder, normal_slot(event.get("PCI_SLOT_NAME")), event.get("DRIVER")))
    named = {device.slot: device for device in display_devices(source, "intel")} if cards else {}
    gpus: list[Gpu] = []
    for folder, slot, driver in cards:
        device = named.get(slot or "")
        device_id = hex_id(source.read(f"{folder}/device")) or (device.device_id if device else None)
        described = device.name if device else None
        memory = _memory(source, folder)
        integrated = is_integrated(described, device_id, slot)
        gpus.append(
            Gpu(
                vendor="intel",
                name=product_name(described, device_id),
                memory_bytes=None if integrated else memory,
                unified=False if memory and not integrated else integrated,
                driver=driver,
                pci_address=slot,
            )
        )
    return gpus


def _from_lspci(source: Source) -> list[Gpu]:
    return [
        Gpu(
            vendor="intel",
            name=product_name(device.name, device.device_id),
            unified=is_integrated(device.name, device.device_id, device.slot),
            driver=device.driver,
            pci_address=device.slot,
        )
        for device in display_devices(source, "intel")
    ]


def _with_lone_size(gpus: list[Gpu], source: Source) -> tuple[list[Gpu], dict[str, FactSource]]:
    """The driver's size of the only card there is, where a capture has it without the rest of sysfs."""
    folders = sorted({path.partition("/tile")[0].removesuffix("/lmem_total_bytes") for path in _size_files(source)})
    cards = [index for index, gpu in enumerate(gpus) if gpu.unified is False] or [len(gpus)]
    if len(folders) != 1 or len(cards) != 1 or (memory := _memory(source, folders[0])) is None:
        return gpus, {}
    listed = [*gpus, Gpu(vendor="intel", unified=False)] if cards[0] == len(gpus) else list(gpus)
    listed[cards[0]] = replace(listed[cards[0]], memory_bytes=memory)
    new = facts_of([listed[cards[0]]], "sysfs") if cards[0] == len(gpus) else {}
    facts = {f"{cards[0]}.{key.partition('.')[2]}": fact for key, fact in new.items()}
    return listed, {**facts, f"{cards[0]}.memory_bytes": FactSource("reported", "sysfs")}


def _size_files(source: Source) -> list[str]:
    places = ("/sys/class/drm/card*", "/sys/class/drm/card*/device")
    return [path for place in places for pattern in _MEMORY_FILES for path in source.glob(f"{place}/{pattern}")]


def _with_xpu_smi(gpus: list[Gpu], text: str | None) -> tuple[list[Gpu], set[str]]:
    """(GPUs with what xpu-smi adds, keys of the facts that it added)."""
    joined, told = list(gpus), set[str]()
    for device in parse_xpu_smi(text):
        integrated = is_integrated(device.name, device.device_id, device.slot)
        memory = None if integrated else device.memory_bytes
        index = _index_of(joined, device.slot, integrated=integrated)
        if index is None and gpus and device.slot is None:
            continue  # the same machine in other words, and no way to tell which part is meant
        if index is None:
            index = len(joined)
            joined.append(
                Gpu("intel", device.name, memory, unified=integrated, driver=device.driver, pci_address=device.slot)
            )
        elif joined[index].memory_bytes is None and memory:
            joined[index] = replace(joined[index], memory_bytes=memory)
            told.add(f"{index}.memory_bytes")
    return joined, told


def _index_of(gpus: list[Gpu], slot: str | None, *, integrated: bool | None) -> int | None:
    if slot and any(gpu.pci_address for gpu in gpus):
        return next((index for index, gpu in enumerate(gpus) if gpu.pci_address == slot), None)
    alike = [index for index, gpu in enumerate(gpus) if bool(gpu.unified) == bool(integrated)]
    return alike[0] if len(alike) == 1 else None


def _memory(source: Source, folder: str) -> int | None:
    for pattern in _MEMORY_FILES:
        # The files stand beside the device on some kernels, beside the card on others.
        for place in (folder, folder.removesuffix("/device")):
            sizes = [_size(source.read(path)) for path in source.glob(f"{place}/{pattern}")]
            if total := sum(size for size in sizes if size):
                return total
    return None


def _size(text: str | None) -> int | None:
    # The xe driver writes hexadecimal: without the end of its line a digit may be missing, and pages do not tell.
    cut = (text or "").lower().startswith("0x") and not (text or "").endswith("\n")
    return None if cut else whole_pages(number(text))
