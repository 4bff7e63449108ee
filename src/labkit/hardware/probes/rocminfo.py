"""AMD parts from rocminfo: agents with their memory pools, or a lone piece of it.

A pool of the segment GLOBAL is what ROCm's runtime offers programs. On integrated parts that may be far less than the
carve-out that the kernel reports. Sizes are KiB, whatever the number in brackets says.
"""

import re

from labkit.hardware.probes.amd_parts import AmdPart, is_generic
from labkit.hardware.probes.text import number, without_cut_line

_AGENT = re.compile(r"^\s*Agent\s+\d+\s*$", re.MULTILINE)
_SEGMENT = re.compile(r"^\s*Segment:\s*(\S+)")
_SIZE = re.compile(r"^\s*Size:\s*(\d+)\s*\(0x[0-9a-f]+\)\s*KB", re.IGNORECASE)
_FIELD = re.compile(r"^\s*([A-Z][\w ()./]*?)\s*:+\s+(.+?)\s*$")
_IN_BRACKETS = re.compile(r"\((0x[0-9a-f]+)\)", re.IGNORECASE)


def parse_rocminfo(text: str | None) -> list[AmdPart]:
    """GPU agents. A piece without an agent is a part of which only the pool is known."""
    pieces = _AGENT.split(without_cut_line(text))
    agents = pieces[1:] if len(pieces) > 1 else pieces
    return [part for piece in agents if (part := _part(piece))]


def _part(piece: str) -> AmdPart | None:
    fields: dict[str, str] = {}
    for line in piece.splitlines():
        if match := _FIELD.match(line):
            fields.setdefault(match[1], match[2])
    if fields.get("Device Type", "GPU") != "GPU":
        return None
    gfx = fields.get("Name", "") if re.fullmatch(r"gfx[0-9a-f]{3,5}", fields.get("Name", "")) else None
    if gfx is None and "Name" in fields and "Device Type" not in fields:
        return None  # a processor's agent, cut before it says so
    pool = _pool(piece)
    if gfx is None and pool is None:
        return None
    name = fields.get("Marketing Name")
    properties = fields.get("Memory Properties", "")
    return AmdPart(
        name=None if is_generic(name) and "processor" in (name or "").lower() else name,
        pci_address=_slot(fields.get("BDFID"), fields.get("Domain")),
        device_id=_chip(fields.get("Chip ID")),
        gfx=gfx,
        pool_bytes=pool,
        integrated=True if "APU" in properties.split() else None,
    )


def _pool(piece: str) -> int | None:
    """Largest GLOBAL pool; local and group memory are no pools of a part. A size without a segment counts."""
    segment, sizes = "GLOBAL", []
    for line in piece.splitlines():
        if match := _SEGMENT.match(line):
            segment = match[1].rstrip(";")
        elif (match := _SIZE.match(line)) and segment == "GLOBAL":
            sizes.append(int(match[1]) * 1024)
    return max(sizes, default=0) or None


def _chip(text: str | None) -> int | None:
    match = _IN_BRACKETS.search(text or "")
    return number(match[1]) if match else None


def _slot(text: str | None, domain: str | None) -> str | None:
    location = number(text)
    if not location or location >= 1 << 16:
        return None
    place = number(domain) or 0
    return f"{place & 0xFFFF:04x}:{location >> 8:02x}:{location >> 3 & 31:02x}.{location & 7}"
