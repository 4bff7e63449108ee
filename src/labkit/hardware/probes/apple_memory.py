"""Memory of a Mac: what is installed, what can be taken without swapping, and what Metal grants its GPU.

"Free" pages say little: macOS fills memory with what it may drop. Formats: sysctl(8), vm_stat(1), memory_pressure(1).
"""

import re

from labkit.hardware.probes.text import key_values, number, without_cut_line
from labkit.hardware.profile import FactSource

_PAGE_SIZE = re.compile(r"page size of (\d+)(?: bytes)?")
_SWAP = re.compile(r"total = ([\d.,]+)([MG])")
_FREE_SHARE = re.compile(r"free percentage: (\d+)%")
# What can be taken without swapping: free pages, and those whose content is on disk or may be dropped.
_TAKEABLE = ("Pages free", "Pages inactive", "Pages speculative", "Pages purgeable")
_PAGE = 4096
_MIB = 1024**2
_GIB = 1024**3
_LARGE_FROM = 36 * _GIB
# Starts the source of a figure that nobody reported.
ASSUMPTION = "assumption"
_WIRED = "iogpu.wired_limit_mb"


def parse_physical(sysctl: dict[str, str]) -> int | None:
    """hw.memsize. A number that is not whole pages was cut."""
    size = number(sysctl.get("hw.memsize"))
    return size if size and size % _PAGE == 0 else None


def parse_available(vm_stat: str | None, sysctl: dict[str, str]) -> int | None:
    """Bytes from vm_stat; None where the page size or every count is missing, or the text ends before the counts do."""
    page = _PAGE_SIZE.search(vm_stat or "")
    page_size = int(page[1]) if page else number(sysctl.get("hw.pagesize")) or number(sysctl.get("vm.pagesize"))
    pages = key_values(without_cut_line(vm_stat))
    counts = {name: int(text) for name in _TAKEABLE if (text := pages.get(name, "").rstrip(".")).isdecimal()}
    if not page_size or "Pages free" not in counts or "Pages inactive" not in counts:
        return None
    return page_size * sum(counts.values())


def parse_pressure(text: str | None, physical: int | None) -> int | None:
    """Bytes from memory_pressure's share of memory that is free, which counts what can be dropped."""
    share = _FREE_SHARE.search(text or "")
    return physical * int(share[1]) // 100 if share and physical and int(share[1]) <= 100 else None


def parse_swap(sysctl: dict[str, str]) -> int | None:
    """Swap files that exist now, from vm.swapusage: macOS makes more when it needs them."""
    match = _SWAP.search(sysctl.get("vm.swapusage", ""))
    try:
        return round(float(match[1].replace(",", ".")) * (_MIB if match[2] == "M" else _GIB)) if match else None
    except ValueError:
        return None


def working_set(sysctl: dict[str, str], physical: int | None) -> tuple[int | None, FactSource]:
    """(bytes that Metal lets the GPU wire, where that is from), as long as no backend has said it.

    A limit that the user set is a fact. The system's own is not published: Metal logs of llama.cpp show two thirds of
    memory on Macs of 8 to 32 GB (8 GB: 5.3, 24 GB: 16) and at least three quarters on larger ones (36 GB: 28991 MB).
    """
    wired = number(sysctl.get(_WIRED))
    if wired:
        limit = wired * _MIB
        return (min(limit, physical) if physical else limit), FactSource("reported", f"sysctl {_WIRED}")
    if not physical:
        return None, FactSource("unknown", "Metal")
    if physical < _LARGE_FROM:
        return physical * 2 // 3, FactSource("table", f"{ASSUMPTION}: Metal grants two thirds of memory below 36 GB")
    return physical * 3 // 4, FactSource("table", f"{ASSUMPTION}: Metal grants three quarters of memory from 36 GB")
