"""`nvidia-smi --query-gpu=... --format=csv` in every form: with or without header and units, any fields in any order.

With a header each column names itself. Without one, columns are known by what can stand only in them; a column that
could be two things is none.
"""

import csv
import re

from labkit.hardware.device_table import find_device
from labkit.hardware.probes.nvidia_card import Card, card, known, says_absent, size_bytes

_HEADER_CELL = re.compile(
    r"([a-z_]+(?:\.[a-z0-9_]+)+|name|index|uuid|timestamp|count|serial|pstate|[a-z]+_[a-z_]+)(?: \[[^\]]*\])?"
)
_ALIASES = {"gpu_name": "name", "gpu_bus_id": "pci.bus_id", "gpu_uuid": "uuid", "compute_capability": "compute_cap"}
_KEYS = ("pci.bus_id", "uuid", "index")
_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.IGNORECASE)
_WITH_UNIT = re.compile(r"\d+\s*MiB", re.IGNORECASE)
_CUT_SIZE = re.compile(r"\d{1,6}\s*(M|Mi)?")  # at the end of a text a digit may be missing
_NO_NAME = re.compile(
    r"(?i:(?:not )?active|enabled|disabled|on|off|default|exclusive_process|prohibited|ats|hmm|none|p\d{1,2})"
    r"|(?i:wddm|tcc|mcdm)|GPU-.*|MIG-.*|[\d\s./:%-]*|[\d.]+ ?[A-Za-z%]{1,3}"
)
# Lines that are no rows: what the tool says instead of or between them.
_PROSE = re.compile(
    r"NVIDIA-SMI|failed|unable|could|cannot|please|error:|warning|is not a|not found|no devices", re.IGNORECASE
)
_LONGEST_NAME, _LONGEST_LINE = 64, 8000
_MAKER = re.compile(r"\b(nvidia|geforce|tesla|quadro|titan|rtx|gtx|grid|orin|thor|xavier|tegra)\b", re.IGNORECASE)
_LEAST_MEMORY_MIB = 256


def parse_query_csv(text: str | None) -> tuple[Card, ...]:
    """The cards. A card that is printed again (`--loop`) is one card; cut rows give what is whole of them."""
    # Line by line: an open quote must not swallow the rest.
    rows = [[cell.strip() for cell in next(csv.reader([line], skipinitialspace=True))] for line in _lines(text)]
    columns, body = _columns(rows)
    found: dict[object, Card] = {}
    for number, row in enumerate(body):
        ends_open = number == len(body) - 1 and not (text or "").endswith("\n")
        texts = dict(zip(columns, row, strict=False))
        if ends_open and row and len(row) <= len(columns):
            last = columns[len(row) - 1]
            if len(row) < len(columns) or _may_be_cut(texts, last):
                texts.pop(last)
        key = next((texts[name] for name in _KEYS if known(texts.get(name))), None)
        if _is_card(texts):
            found.setdefault(key or number, card(texts, _index(texts, len(found))))
    return tuple(found.values())


def _lines(text: str | None) -> list[str]:
    # A NUL ends the reading of a line in older readers, and stands in no output of the tool.
    lines = (text or "").replace("\0", "").splitlines()
    return [line for line in lines if line.strip() and len(line) <= _LONGEST_LINE and not _PROSE.search(line)]


def _columns(rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Names of the columns, and the rows that are cards."""
    header = next((row for row in rows if _is_header(row)), None)
    if header is None:
        lengths = [len(row) for row in rows]
        width = max(set(lengths), key=lengths.count, default=0)
        body = [row for row in rows if len(row) == width]
        return _guessed(body, width), body
    names = [cell.partition(" [")[0] for cell in header]
    body = [row for row in rows[rows.index(header) + 1 :] if not _is_header(row)]
    return [_ALIASES.get(name, name) for name in names], body


def _is_header(row: list[str]) -> bool:
    named = [cell for cell in row if _HEADER_CELL.fullmatch(cell)]
    return bool(named) and len(named) >= len(row) - 1


def _may_be_cut(texts: dict[str, str], column: str) -> bool:
    """Whether a value at the end of the text is a bare number or a name, unless the table has a card like that."""
    name = texts.get("name", "")
    if column == "name":
        return find_device(name) is None
    if _CUT_SIZE.fullmatch(texts[column]) is None:
        return False
    return column != "memory.total" or find_device(name, memory_bytes=size_bytes(texts[column])) is None


def _is_card(texts: dict[str, str]) -> bool:
    """Whether a row tells of a card: its name, or at least something of its memory."""
    total = texts.get("memory.total")
    return known(texts.get("name")) is not None or size_bytes(total) is not None or says_absent(total)


def _index(texts: dict[str, str], default: int) -> int:
    stated = texts.get("index", "")
    return int(stated) if re.fullmatch(r"\d{1,4}", stated) else default


def _guessed(rows: list[list[str]], width: int) -> list[str]:
    """Names of the columns of rows without a header; "" for a column that is not known."""
    cells = [[row[place] for row in rows] for place in range(width)]
    names = [_guess(column) for column in cells]
    if names.count("name") != 1:
        makers = [i for i, column in enumerate(cells) if names[i] == "name" and all(map(_MAKER.search, column))]
        names = ["" if name == "name" and place not in makers[:1] else name for place, name in enumerate(names)]
    if "name" not in names:
        return [""] * width
    for single in ("driver_version", "compute_cap"):
        if names.count(single) > 1:
            names = ["" if name == single else name for name in names]
    names = _with_memory(cells, names)
    begins = all(map(_MAKER.match, cells[names.index("name")]))
    return names if begins or any(name not in ("", "name") for name in names) else [""] * width


def _guess(column: list[str]) -> str:
    patterns = {
        "pci.bus_id": _PCI,
        "driver_version": re.compile(r"\d{3}\.\d{2,3}(\.\d{2})?"),
        "compute_cap": re.compile(r"\d{1,2}\.\d"),
        "uuid": re.compile(r"GPU-.*"),
    }
    for name, pattern in patterns.items():
        if all(pattern.fullmatch(cell) for cell in column):
            return name
    if all(cell.upper() in ("ATS", "HMM") for cell in column):
        return "addressing_mode"
    return "name" if all(_looks_like_a_name(cell) for cell in column) else ""


def _looks_like_a_name(cell: str) -> bool:
    if known(cell) is None or _NO_NAME.fullmatch(cell) or len(cell) > _LONGEST_NAME:
        return False
    return re.search(r"[A-Za-z]{2}|[A-Z]\d", cell) is not None


def _with_memory(cells: list[list[str]], names: list[str]) -> list[str]:
    """The largest of the columns of sizes is the total; of exactly two that add up to no more, none is called free."""
    named = list(names)
    free = [place for place, name in enumerate(names) if not name]
    united = [place for place in free if all(_WITH_UNIT.fullmatch(cell) for cell in cells[place])]
    sizes = united or [place for place in free if all(_is_size(cell) for cell in cells[place])]
    if not sizes:
        absent = [place for place in free if all(says_absent(cell) for cell in cells[place])]
        if absent:
            named[absent[0]] = "memory.total"
        return named
    values = {place: [size_bytes(cell) or 0 for cell in cells[place]] for place in sizes}
    total = max(sizes, key=lambda place: values[place])
    named[total] = "memory.total"
    others = [place for place in sizes if place != total]
    if len(others) == 2 and _add_up(values[total], values[others[0]], values[others[1]]):
        # Which of the two is free cannot be told, unless the usual order (used, free) is kept.
        named[others[0]], named[others[1]] = "memory.used", "memory.free"
    return named


def _is_size(cell: str) -> bool:
    return re.fullmatch(r"\d{3,7}", cell) is not None and int(cell) >= _LEAST_MEMORY_MIB


def _add_up(totals: list[int], first: list[int], second: list[int]) -> bool:
    return all(0.9 * all_ <= one + other <= all_ for all_, one, other in zip(totals, first, second, strict=True))
