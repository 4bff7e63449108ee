"""Intel graphics on Linux: the kernel's sysfs. The part at PCI 00:02.0 is integrated and uses system memory."""

from labkit.hardware.probes.amd import pci_name
from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.probes.text import key_values, number
from labkit.hardware.profile import Gpu
from labkit.hardware.source import Source

VENDOR_ID = "0x8086"
_INTEGRATED_SLOT = "00:02.0"
# The xe driver lists memory for each tile, i915 for the card.
_MEMORY_FILES = ("tile*/physical_vram_size_bytes", "lmem_total_bytes")


def probe_intel(source: Source) -> Finding[tuple[Gpu, ...]]:
    """Cards and integrated parts. The memory of a card is None where its driver does not tell."""
    gpus: list[Gpu] = []
    for path in source.glob("/sys/class/drm/card*/device/vendor"):
        name = path.split("/")[-3]
        if "-" in name or (source.read(path) or "").strip() != VENDOR_ID:  # card0-HDMI-A-1 is a plug
            continue
        folder = path.rpartition("/")[0]
        slot = key_values(source.read(f"{folder}/uevent"), "=").get("PCI_SLOT_NAME", "")
        integrated = slot.endswith(_INTEGRATED_SLOT)
        gpus.append(
            Gpu(
                vendor="intel",
                name=pci_name(source, slot),
                memory_bytes=None if integrated else _memory(source, folder),
                unified=integrated,
                driver=key_values(source.read(f"{folder}/uevent"), "=").get("DRIVER"),
            )
        )
    facts = {
        f"{index}.{name}": fact for index, gpu in enumerate(gpus) for name, fact in reported_by(gpu, "sysfs").items()
    }
    return Finding(tuple(gpus), facts)


def _memory(source: Source, folder: str) -> int | None:
    for pattern in _MEMORY_FILES:
        # The files stand beside the device on some kernels, beside the card on others.
        for place in (folder, folder.removesuffix("/device")):
            sizes = [number(source.read(path)) for path in source.glob(f"{place}/{pattern}")]
            if total := sum(size for size in sizes if size):
                return total
    return None
