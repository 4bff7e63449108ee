"""The computer itself: its name, and the memory of boards that come with one kind of it only."""

from labkit.hardware.device_table import find_device
from labkit.hardware.probes.text import blocks, key_values
from labkit.hardware.profile import FactSource
from labkit.hardware.source import Source

_DMI = "/sys/class/dmi/id"
_DEVICE_TREE = ("/proc/device-tree/model", "/sys/firmware/devicetree/base/model")
# What board makers left in place of a name.
_FILLERS = {"", "default string", "system manufacturer", "system product name", "to be filled by o.e.m.", "none"}
# Start of the board's name -> its memory in the device table (raspberrypi.com, processors and product briefs).
_SOLDERED = {
    "Raspberry Pi 5": "CPU memory LPDDR4X-4267 32-bit",
    "Raspberry Pi 500": "CPU memory LPDDR4X-4267 32-bit",
    "Raspberry Pi Compute Module 5": "CPU memory LPDDR4X-4267 32-bit",
    "Raspberry Pi 4": "CPU memory LPDDR4-3200 32-bit",
    "Raspberry Pi 400": "CPU memory LPDDR4-3200 32-bit",
    "Raspberry Pi Compute Module 4": "CPU memory LPDDR4-3200 32-bit",
}


def board_name(source: Source) -> str | None:
    """What the firmware calls the computer: a device tree's model, a PC's maker and product."""
    for path in _DEVICE_TREE:
        if model := (source.read(path) or "").replace("\0", "").strip():
            return model
    # The "Model" of Arm boards; its neighbour "Hardware" names one chip for all of them (BCM2835).
    for block in blocks(source.read("/proc/cpuinfo")):
        if block.get("Model"):
            return block["Model"]
    if machine := key_values(source.read("/proc/cpuinfo")).get("machine"):  # POWER
        return machine
    maker, product = (_plain(source.read(f"{_DMI}/{name}")) for name in ("sys_vendor", "product_name"))
    if maker and product and product.lower().startswith(maker.lower()):
        return product
    return " ".join(part for part in (maker, product) if part) or None


def soldered_bandwidth(source: Source) -> tuple[float, FactSource] | None:
    """(peak bandwidth of the memory in bytes per second, its source) of a board that has one kind of it only."""
    words = (board_name(source) or "").split()
    for count in range(len(words), 0, -1):
        row = _SOLDERED.get(" ".join(words[:count]))
        facts = find_device(row) if row else None
        if facts and facts.peak_bandwidth_bytes_per_second:
            source_text = f"device table, {facts.name}: the memory of every {' '.join(words[:count])}"
            return facts.peak_bandwidth_bytes_per_second, FactSource("table", source_text)
    return None


def _plain(text: str | None) -> str:
    name = (text or "").strip()
    return "" if name.lower() in _FILLERS else name
