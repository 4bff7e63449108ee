"""Reading the small texts that systems speak: `key: value` lines, numbers, lists of cores."""

import re

_SIZE = re.compile(r"(\d+)\s*([KMG]?)", re.IGNORECASE)
_FACTOR = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def number(text: str | None) -> int | None:
    """A whole number, decimal or 0x, within 64 bits; None for anything else."""
    try:
        value = int((text or "").strip(), 0)
    except ValueError:
        return None
    return value if abs(value) < 2**64 else None


def decimal(text: str | None) -> float | None:
    """A number; None for anything else, "nan" and "inf" included."""
    try:
        value = float((text or "").strip())
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def key_values(text: str | None, separator: str = ":") -> dict[str, str]:
    """`key: value` lines; the first of equal keys wins, other lines are left out."""
    pairs: dict[str, str] = {}
    for line in (text or "").splitlines():
        key, found, value = line.partition(separator)
        if found:
            pairs.setdefault(key.strip(), value.strip())
    return pairs


def without_cut_line(text: str | None) -> str:
    """`text` up to its last line end: a line that was cut may read like another fact ("12" of "128")."""
    whole, found, _ = (text or "").rpartition("\n")
    return whole + found


def blocks(text: str | None) -> list[dict[str, str]]:
    """Paragraphs of `key: value` lines, as in /proc/cpuinfo."""
    return [pairs for part in re.split(r"\n\s*\n", text or "") if (pairs := key_values(part))]


def core_list(text: str | None) -> frozenset[int] | None:
    """Core numbers from "0-3,8"; None when the text is not such a list."""
    cores: set[int] = set()
    for part in (text or "").strip().split(","):
        first, _, last = part.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            return None
        if int(last or first) > 100_000:
            return None
        cores.update(range(int(first), int(last or first) + 1))
    return frozenset(cores)


def size(text: str | None) -> int | None:
    """Bytes from "32768K" or "1024"; None for anything else."""
    match = _SIZE.fullmatch((text or "").strip())
    return int(match[1]) * _FACTOR[match[2].upper()] if match else None


def first_line(text: str | None) -> str:
    """The first line that says something, without control characters."""
    for line in (text or "").splitlines():
        if clean := "".join(char for char in line if char.isprintable()).strip():
            return clean
    return ""


def whole_pages(size: int | None) -> int | None:
    """A memory size; None for one that is no whole number of pages, which is a figure that was cut."""
    return size if size and size % 4096 == 0 else None
