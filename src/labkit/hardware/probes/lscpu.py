"""`lscpu`: plain text of any util-linux, its JSON, other languages as far as they matter, and excerpts.

Text is `Key:  value`; newer releases indent keys, list each kind of core under its own "Model name", and wrap long
lines in a narrow terminal. The JSON nests the same keys. Format: lscpu(1).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from labkit.hardware.probes.arm_cores import LITTLE_CORES
from labkit.hardware.probes.cpu_features import linux_features
from labkit.hardware.probes.text import core_list, number, without_cut_line
from labkit.hardware.profile import Cpu

_NODE_CORES = re.compile(r"NUMA[ -](?:node|Knoten|节点) ?\d+ CPU.*")
_CACHE = re.compile(r"([\d.]+)\s*([KMG]?)i?B?(?:\s*\((\d+)\s+\w+\))?")
_WIDE_COLON = "\uff1a"  # of Chinese and Japanese outputs
_WRAPPED = "\v"  # stands where a line went on in the next
_FACTOR = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
# Keys of other languages, as found in published outputs.
_ALIASES = {
    "architektur": "architecture", "架构": "architecture",
    "modellname": "model name", "型号名称": "model name",
    "anbieterkennung": "vendor id", "厂商 id": "vendor id",
    "thread(s) pro kern": "thread(s) per core", "每个核的线程数": "thread(s) per core",
    "kern(e) pro socket": "core(s) per socket", "kern(e) pro sockel": "core(s) per socket",
    "每个座的核数": "core(s) per socket",
    "sockel": "socket(s)", "座": "socket(s)", "cpu socket(s)": "socket(s)", "cpu": "cpu(s)",
    "hypervisor-anbieter": "hypervisor vendor", "超管理器厂商": "hypervisor vendor",
    "markierungen": "flags", "标记": "flags", "l3 缓存": "l3 cache",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lscpu:
    """What one output says.

    Attributes:
        architecture: as the kernel names it ("x86_64", "aarch64").
        hypervisor: its vendor; None on bare metal and where nothing is said.
        nodes_without_cores: memory nodes that no processor belongs to.
    """

    cpu: Cpu
    architecture: str | None = None
    hypervisor: str | None = None
    nodes_without_cores: int = 0


def parse_lscpu(text: str | None) -> Lscpu:
    """From the text or the JSON. Garbage gives an empty answer."""
    pairs = list(_json_pairs(text)) if (text or "").lstrip().startswith("{") else list(_text_pairs(text))
    first = {key: value for key, value in reversed(pairs) if value not in ("", "-")}
    kinds = _kinds(pairs)
    logical, threads = _logical(first), number(first.get("thread(s) per core"))
    cores = [kind.cores for kind in kinds]
    physical = sum(count for count in cores if count) if all(cores) and cores else None
    # Fewer than there are threads for: the text ends before the last kind of core.
    physical = physical if not physical or not logical or physical * (threads or 1) >= logical else None
    fast, slow = _classes(kinds) if physical else (None, None)
    nodes = _nodes(pairs, number(first.get("numa node(s)")))
    cpu = Cpu(
        model_name=" + ".join(dict.fromkeys(kind.name for kind in kinds if kind.name)) or None,
        vendor=first.get("vendor id"),
        physical_cores=physical,
        logical_cores=logical,
        performance_cores=fast,
        efficiency_cores=slow,
        features=linux_features(_flags(pairs).split()),
        last_level_cache_bytes=_cache(first, has_end=any(_NODE_CORES.fullmatch(key) for key, _ in pairs)),
        threads_per_core=threads,
        numa_nodes=sum(nodes) or None,
    )
    return Lscpu(cpu, first.get("architecture"), first.get("hypervisor vendor"), len(nodes) - sum(nodes))


@dataclass(slots=True)
class _Kind:
    """One kind of core: those of big.LITTLE chips are listed one after the other."""

    name: str | None = None
    per_group: int | None = None
    groups: int | None = None

    @property
    def cores(self) -> int | None:
        return self.per_group * self.groups if self.per_group and self.groups else None


def _kinds(pairs: list[tuple[str, str]]) -> list[_Kind]:
    kinds: list[_Kind] = []
    for key, value in pairs:
        if key == "model name" or not kinds:
            kinds.append(_Kind())
        kind = kinds[-1]
        if key == "model name":
            kind.name = value if value not in ("", "-") else None
        elif key in ("core(s) per socket", "core(s) per cluster"):
            kind.per_group = kind.per_group or number(value)
        elif key in ("socket(s)", "cluster(s)"):
            kind.groups = max(kind.groups or 0, number(value) or 0) or None
    # Keys stand before the first name in old releases: they belong to the only kind.
    if len(kinds) == 2 and kinds[0].name is None:
        kinds[1].per_group = kinds[1].per_group or kinds[0].per_group
        kinds[1].groups = kinds[1].groups or kinds[0].groups
        del kinds[0]
    elif len(kinds) > 2 and kinds[0].name is None and not kinds[0].per_group:
        del kinds[0]
    return kinds


def _classes(kinds: list[_Kind]) -> tuple[int | None, int | None]:
    if len(kinds) < 2 or not all(kind.name and kind.cores for kind in kinds):
        return None, None
    slow = sum(kind.cores or 0 for kind in kinds if kind.name in LITTLE_CORES)
    fast = sum(kind.cores or 0 for kind in kinds if kind.name not in LITTLE_CORES)
    return (fast, slow) if fast and slow else (None, None)


def _logical(first: dict[str, str]) -> int | None:
    online = core_list(first.get("on-line cpu(s) list"))
    return len(online) if online else number(first.get("cpu(s)"))


def _flags(pairs: list[tuple[str, str]]) -> str:
    for key, value in pairs:
        words = value.split()
        if key == "flags" or "sse2" in words or "asimd" in words:
            # A line ends within a word or after one, and nothing tells which: both readings are looked for.
            return f"{value.replace(_WRAPPED, '')} {value.replace(_WRAPPED, ' ')}"
    return ""


def _cache(first: dict[str, str], *, has_end: bool) -> int | None:
    """The largest cache that cores share.

    Old releases print one instance ("32768K"), newer ones the sum ("256 MiB"), the newest with the number of instances.
    """
    # Memory nodes come after the caches: where they are missing, so may be a larger cache.
    for level in ("l3", "l2") if has_end else ("l3",):
        text = first.get(f"{level} cache") or first.get(level) or ""
        if match := _CACHE.fullmatch(text.strip()):
            packages = number(first.get("socket(s)")) or 1 if "iB" in text else 1
            return round(float(match[1]) * _FACTOR[match[2]] / max(1, int(match[3] or packages)))
    return None


def _nodes(pairs: list[tuple[str, str]], total: int | None) -> list[bool]:
    """For each memory node whether it has processors. Empty where some are not listed, for then none can be counted."""
    listed = [bool(value) and bool(core_list(value)) for key, value in pairs if _NODE_CORES.fullmatch(key)]
    return listed if total is None or len(listed) == total else []


def _text_pairs(text: str | None) -> Iterator[tuple[str, str]]:
    for line in _unwrapped(without_cut_line(text).replace(_WIDE_COLON, ": ").splitlines()):
        key, found, value = line.partition(":")
        if found:
            yield _key(key), value.strip()


def _unwrapped(lines: list[str]) -> list[str]:
    """Lines with their continuations: those hold no key, and go on where the line before was cut."""
    joined: list[str] = []
    for line in lines:
        if joined and ":" not in line and line[:8].isspace() and line.strip():
            joined[-1] += _WRAPPED + line.lstrip()
        else:
            joined.append(line)
    return joined


def _json_pairs(text: str | None) -> Iterator[tuple[str, str]]:
    from labkit.hardware.probes.partial_json import parse_partial_json

    document = parse_partial_json(text)
    yield from _entries(document.get("lscpu") if isinstance(document, dict) else None)


def _entries(entries: Any) -> Iterator[tuple[str, str]]:
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("field"), str):
            continue
        data = entry.get("data")
        value = data if isinstance(data, str) else "" if data is None else json.dumps(data)
        yield _key(entry["field"].rstrip(": ")), value.strip()
        yield from _entries(entry.get("children"))


def _key(key: str) -> str:
    plain = " ".join(key.split())
    if _NODE_CORES.fullmatch(plain):
        return plain
    return _ALIASES.get(plain.lower(), plain.lower())
