"""AMD parts from the tables that people paste: what `amd-smi` and `rocm-smi` print without arguments.

amd-smi (since ROCm 7) has two rows for each part: address and name, then memory in use and in all, in MiB. rocm-smi's
"Concise Info" has one row with the PCI device id (before ROCm 6 without it), and no memory but a percentage.
"""

import re

from labkit.hardware.probes.amd_parts import AmdPart
from labkit.hardware.probes.pci import hex_id, normal_slot
from labkit.units import MIB

_NAME_ROW = re.compile(r"^\|\s*([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\s+(\S.*?)\s*\|", re.IGNORECASE)
_MEMORY = re.compile(r"(\d+)/(\d+)\s*MB\b")
_CONCISE_ROW = re.compile(r"^\s*\d+\s+\d+\s+(0x[0-9a-f]{4}),\s+\d+\s+[\d.N]", re.IGNORECASE)

_OLD_HEADING = re.compile(r"^GPU\s+Temp\b.*\bVRAM%", re.MULTILINE)
_OLD_ROW = re.compile(r"^\s*\d+\s+(?:[\d.]+c|N/A)\s.*%\s*$")


def parse_amd_smi_table(text: str | None) -> list[AmdPart]:
    """Parts of the table that amd-smi prints alone."""
    parts: list[AmdPart] = []
    waiting: AmdPart | None = None
    for line in (text or "").splitlines():
        if match := _NAME_ROW.match(line):
            parts += [waiting] if waiting else []
            waiting = AmdPart(name=match[2], pci_address=normal_slot(match[1]))
        elif waiting and (match := _MEMORY.search(line)):
            used, total = int(match[1]) * MIB, int(match[2]) * MIB
            parts.append(AmdPart(name=waiting.name, pci_address=waiting.pci_address, vram_bytes=total, used_bytes=used))
            waiting = None
    return [*parts, waiting] if waiting else parts


def parse_concise_info(text: str | None) -> list[AmdPart]:
    """Parts of rocm-smi's "Concise Info": their ids alone, or no more than how many there are."""
    lines = (text or "").splitlines()
    rows = [match for line in lines if (match := _CONCISE_ROW.match(line))]
    if not rows and _OLD_HEADING.search(text or ""):
        return [AmdPart(listed=True) for line in lines if _OLD_ROW.match(line)]
    return [AmdPart(device_id=hex_id(match[1])) for match in rows]
