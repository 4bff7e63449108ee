"""The table that a bare `nvidia-smi` prints, since 2016, and the list of `nvidia-smi -L`.

Names are cut to the width of a column ("NVIDIA GeForce RTX 3060 ..."), so it is asked last.
"""

import re
from dataclasses import replace

from labkit.hardware.probes.nvidia_card import Card, Slice, card, says_absent, size_bytes

_VERSIONS = re.compile(r"NVIDIA-SMI\s+(\S+)\s+.*?Driver Version:\s*(\S+)")
# | 0  NVIDIA GeForce RTX 4090        On  |   00000000:01:00.0 Off |                  Off |
# The second word of the first cell is persistence mode, or on Windows the driver's model.
_FIRST = re.compile(
    r"^\|\s*(\d{1,3})\s+(\S.*?)\s*(?:\s(?:On|Off|N/A|ERR!|TCC|WDDM|MCDM))?\s*\|\s*(\S+)?\s*(?:On|Off|N/A|ERR!)?\s*\|"
)
_MEMORY = re.compile(r"\|\s*(\d+\s*MiB)\s*/\s*(\d+\s*MiB)\s*(?:\||$)")
_MIG_ROW = re.compile(r"^\|\s*(\d+)\s+\d+\s+\d+\s+\d+\s*\|\s*(\d+)\s*MiB\s*/\s*(\d+)\s*MiB\s*\|")
_MIG_MODE = re.compile(r"\|\s*(Enabled|Disabled|N/A)\*?\s*\|\s*$")
_LISTED = re.compile(r"^GPU (\d{1,3}): (.+?)(?: \(UUID: [^)]*\)?)?\s*$")
_LISTED_SLICE = re.compile(r"^\s+MIG \S+\s+Device\s+\d+:")
_PROCESSES = re.compile(r"^\|\s*Processes", re.MULTILINE)


def parse_table(text: str | None) -> tuple[Card, ...]:
    """Cards of the table; a cut one gives what is whole of its lines."""
    body, _, mig_table = (text or "").partition("MIG devices:")
    lines = _PROCESSES.split(body)[0].splitlines()
    versions = _VERSIONS.search(body)
    driver = versions[2] if versions else None
    starts = [(number, match) for number, line in enumerate(lines) if (match := _first_line(line))]
    cards: list[Card] = []
    for number, match in starts:
        # Two lines belong to a card, or fewer where the next one follows.
        own = lines[number + 1 : number + 3]
        own = own[: next((place for place, line in enumerate(own) if _first_line(line)), 2)]
        cards.append(card(_texts(match, own), int(match[1]), driver))
    return tuple(_with_slices(one, mig_table) for one in cards)


def parse_list(text: str | None) -> tuple[Card, ...]:
    """Cards of `nvidia-smi -L`: names, and whether they are partitioned; no memory."""
    cards: list[Card] = []
    for line in (text or "").splitlines():
        if match := _LISTED.match(line):
            cards.append(Card(index=int(match[1]), name=match[2].strip()))
        elif cards and _LISTED_SLICE.match(line):
            last = cards[-1]
            cards[-1] = Card(last.index, last.name, mig=True, slices=(*(last.slices or ()), Slice()))
    return tuple(cards)


def _first_line(line: str) -> re.Match[str] | None:
    match = _FIRST.match(line)
    # A row of the MIG table and the heading have numbers or words alone.
    return match if match and not _MIG_ROW.match(line) and re.search(r"[A-Za-z]", match[2]) else None


def _texts(first: re.Match[str], following: list[str]) -> dict[str, str]:
    """Fields of a card as --query-gpu names them, from its first line and the one or two below it."""
    texts = {"name": first[2], "pci.bus_id": first[3] or ""}
    second = following[0] if following else ""
    cells = [cell.strip() for cell in second.split("|")]
    if memory := _MEMORY.search(second):
        texts |= {"memory.used": memory[1], "memory.total": memory[2]}
    elif len(cells) > 3 and says_absent(cells[2].split("/")[0]):
        texts["memory.total"] = "N/A"
    if len(following) > 1 and (mode := _MIG_MODE.search(following[1])):
        texts["mig.mode.current"] = mode[1]
    return texts


def _with_slices(one: Card, mig_table: str) -> Card:
    if not one.mig:
        return one
    rows = [match for line in mig_table.splitlines() if (match := _MIG_ROW.match(line))]
    sizes = [(size_bytes(row[3]) or 0, size_bytes(row[2]) or 0) for row in rows if int(row[1]) == one.index]
    slices = tuple(Slice(total, max(0, total - used)) for total, used in sizes)
    none_found = "No MIG devices found" in mig_table
    return replace(one, slices=slices if slices or none_found else None)
