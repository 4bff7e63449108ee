"""Linux on a Mac with Apple silicon (Asahi): the device tree names the chip, and the GPU works through Vulkan."""

import re

from labkit.hardware.probes.board import board_name
from labkit.hardware.probes.finding import Finding, facts_of
from labkit.hardware.profile import Gpu
from labkit.hardware.source import Source

# "Apple MacBook Pro (14-inch, M1 Pro, 2021)", "Apple Mac mini (M1, 2020)".
_CHIP = re.compile(r"Apple .*\((?:.*, )?(M\d+(?: (?:Pro|Max|Ultra))?)\b.*\)")


def chip_name(source: Source) -> str | None:
    """Such as "Apple M1 Pro"; None on any other machine, and on a Mac whose name does not say it."""
    if source.system != "Linux":
        return None
    match = _CHIP.fullmatch(board_name(source) or "")
    return f"Apple {match[1]}" if match else None


def probe_asahi(source: Source) -> Finding[tuple[Gpu, ...]]:
    """The chip's GPU. Whether a backend can use it, the core's device list says."""
    chip = chip_name(source)
    gpus = (Gpu(vendor="apple", name=chip, unified=True),) if chip else ()
    return Finding(gpus, facts_of(gpus, "device tree"))
