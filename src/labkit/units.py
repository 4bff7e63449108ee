"""Bytes, rates and durations: parse and print. The only place that knows 1024."""

import math
import re

from labkit.errors import InputError

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

_SUFFIXES = {
    "": 1, "b": 1,
    "k": KIB, "kib": KIB, "kb": 1000,
    "m": MIB, "mib": MIB, "mb": 1000**2,
    "g": GIB, "gib": GIB, "gb": 1000**3,
    "t": 1024 * GIB, "tib": 1024 * GIB, "tb": 1000**4,
}  # fmt: skip
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw]?)")
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


def parse_bytes(text: str) -> int:
    """Bytes from "4GiB", "512 MB" or "1024". Bare K, M, G, T are binary, KB is decimal.

    Raises InputError for anything else.
    """
    match = _SIZE.fullmatch(text)
    if match is None or match[2].lower() not in _SUFFIXES:
        raise InputError(f"'{text}' is not a size", hint="write it like 512MiB, 4GiB or 2GB")
    return int(float(match[1]) * _SUFFIXES[match[2].lower()])


def parse_seconds(text: str) -> float:
    """Seconds from "90", "90s", "5m", "1h30m" or "forever" (infinity). Raises InputError for anything else."""
    plain = text.strip().lower()
    if plain == "forever":
        return math.inf
    parts = _DURATION_PART.findall(plain)
    if not parts or "".join(number + unit for number, unit in parts) != plain:
        raise InputError(f"'{text[:40]}' is no duration", hint="write it like 90s, 5m, 1h30m or forever")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def render_bytes(num_bytes: int) -> str:
    """Text such as "3.2 GiB": binary units, three significant digits at most."""
    for unit, name in ((1024 * GIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if abs(num_bytes) >= unit:
            value = num_bytes / unit
            return f"{value:.0f} {name}" if value >= 100 else f"{value:.1f} {name}"
    return f"{num_bytes} B"


def render_byte_range(low: int, high: int) -> str:
    """Such as "2.8 GiB to 2.9 GiB"; one size where both read the same."""
    least, most = render_bytes(low), render_bytes(high)
    return least if least == most else f"{least} to {most}"


def render_bandwidth(bytes_per_second: float) -> str:
    """Text such as "23.4 GB/s": decimal, as vendors and memory benchmarks quote it."""
    if bytes_per_second < 1000**3:
        return f"{bytes_per_second / 1000**2:.0f} MB/s"
    return f"{bytes_per_second / 1000**3:.1f} GB/s"


def render_tokens_per_second(rate: float) -> str:
    """Text such as "57.3 tok/s", without decimals from 1,000 up."""
    return f"{rate:,.0f} tok/s" if rate >= 1000 else f"{rate:.1f} tok/s"


def render_seconds(seconds: float) -> str:
    """Text such as "840 ms", "3.1 s" or "2 min 05 s"."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
