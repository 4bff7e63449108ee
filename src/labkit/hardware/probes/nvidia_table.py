"""The table that a bare `nvidia-smi` prints, since 2016, and the list of `nvidia-smi -L`.

Names are cut to the width of a column ("NVIDIA GeForce RTX 3060 ..."), so it is asked last.
"""

import re
from dataclasses import dataclass, replace

from labkit.hardware.probes.nvidia_card import Card, Slice, card, known, says_absent, size_bytes
from labkit.hardware.probes.text import without_cut_line

_VERSIONS = re.compile(r"NVIDIA-SMI\s+\S+\s+Driver Version:\s*(\S+)")
# | 0  NVIDIA GeForce RTX 4090        On  |   00000000:01:00.0 Off |                  Off |
_NUMBER_AND_NAME = re.compile(r"\s*(\d{1,3})\s+(\S.*)")
# What follows the name: persistence mode, or on Windows the driver's model.
_MODES = frozenset({"On", "Off", "N/A", "ERR!", "TCC", "WDDM", "MCDM"})
_WIDEST = 200  # characters of a line; wider ones are of no table
_MEMORY = re.compile(r"\|\s*(\d+\s*MiB)\s*/\s*(\d+\s*MiB)\s*(?:\||$)")
_MIG_ROW = re.compile(r"^\|\s*(\d+)\s+\d+\s+\d+\s+\d+\s*\|\s*(\d+)\s*MiB\s*/\s*(\d+)\s*MiB\s*\|")
_MIG_MODE = re.compile(r"\|\s*(Enabled|Disabled|N/A)\*?\s*\|\s*$")
_LISTED = re.compile(r"^GPU (\d{1,3}): (.+)$")
_LISTED_SLICE = re.compile(r"^\s+MIG \S+\s+Device\s+\d+:")
_PROCESSES = re.compile(r"^\|\s*Processes", re.MULTILINE)


def parse_table(text: str | None) -> tuple[Card, ...]:
    """Cards of the table; a cut one gives what is whole of its lines."""
    body, _, mig_table = (text or "").partition("MIG devices:")
    lines = _lines(_PROCESSES.split(body)[0])
    versions = next(filter(None, map(_VERSIONS.search, lines)), None)
    driver = known(versions[1]) if versions else None
    cards: list[Card] = []
    for number, line in enumerate(lines):
        if first := _first_line(line):
            # Two lines belong to a card, or fewer where the next one follows.
            own = lines[number + 1 : number + 3]
            own = own[: next((place for place, line in enumerate(own) if _first_line(line)), 2)]
            cards.append(card(_texts(first, own), first.index, driver))
    return tuple(_with_slices(one, mig_table) for one in cards)


def parse_list(text: str | None) -> tuple[Card, ...]:
    """Cards of `nvidia-smi -L`: names, and whether they are partitioned; no memory."""
    cards: list[Card] = []
    # A name may have been cut where nothing follows it.
    ends_whole = "(UUID:" in (text or "").rpartition("\n")[2]
    for line in _lines((text or "") if ends_whole else without_cut_line(text)):
        if match := _LISTED.match(line):
            cards.append(Card(index=int(match[1]), name=match[2].partition(" (UUID:")[0].strip()))
        elif cards and _LISTED_SLICE.match(line):
            last = cards[-1]
            cards[-1] = Card(last.index, last.name, mig=True, slices=(*(last.slices or ()), Slice()))
    return tuple(cards)


@dataclass(frozen=True, slots=True)
class _FirstLine:
    index: int
    name: str
    address: str


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if len(line) <= _WIDEST]


def _first_line(line: str) -> _FirstLine | None:
    """Number, name and bus address, of a line whose first two cells are whole."""
    cells = line.split("|")
    match = _NUMBER_AND_NAME.fullmatch(cells[1]) if len(cells) > 3 and not cells[0].strip() else None
    if match is None:
        return None
    words = match[2].split()
    name = match[2].rstrip().removesuffix(words[-1]).rstrip() if words[-1] in _MODES else match[2].rstrip()
    # A row of the slices has numbers alone, and the heading no number.
    if not re.search(r"[A-Za-z]", name):
        return None
    return _FirstLine(int(match[1]), name, next(iter(cells[2].split()), ""))


def _texts(first: _FirstLine, following: list[str]) -> dict[str, str]:
    """Fields of a card as --query-gpu names them, from its first line and the one or two below it."""
    texts = {"name": first.name, "pci.bus_id": first.address}
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
    rows = [match for line in _lines(mig_table) if (match := _MIG_ROW.match(line))]
    sizes = [(size_bytes(row[3]) or 0, size_bytes(row[2]) or 0) for row in rows if int(row[1]) == one.index]
    slices = tuple(Slice(total, max(0, total - used)) for total, used in sizes)
    none_found = "No MIG devices found" in mig_table
    return replace(one, slices=slices if slices or none_found else None)
