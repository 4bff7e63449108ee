"""Cores by kind, threads, caches and memory nodes from /sys/devices, where Linux lists each of them."""

from dataclasses import dataclass
from itertools import pairwise

from labkit.hardware.probes.text import core_list, number, size
from labkit.hardware.profile import Cpu
from labkit.hardware.source import Source

_CPU = "/sys/devices/system/cpu"
_NODE = "/sys/devices/system/node"
# AMD's dense cores run at about two thirds of the others' clock; better and worse cores of one kind differ by a tenth.
_SLOWER_KIND = 0.8


@dataclass(frozen=True, slots=True)
class Topology:
    """What sysfs says. `nodes_without_cores`: memory nodes with memory and no processor."""

    cpu: Cpu
    nodes_without_cores: int = 0


def probe_topology(source: Source, vendor: str | None = None) -> Topology:
    """Core counts by kind, threads per core, cache and memory nodes; what is not listed stays unknown."""
    siblings = _siblings(source)
    fast, slow = _core_classes(source, vendor)
    nodes, without = _nodes(source)
    return Topology(
        Cpu(
            physical_cores=len(set(siblings.values())) or None,
            performance_cores=_physical_of(siblings, fast) if fast and slow else None,
            efficiency_cores=_physical_of(siblings, slow) if fast and slow else None,
            last_level_cache_bytes=_last_level_cache(source),
            threads_per_core=_threads_per_core(siblings),
            numa_nodes=nodes,
        ),
        without,
    )


def _siblings(source: Source) -> dict[int, str]:
    """Core -> the list of its hardware threads: equal lists are one physical core."""
    found: dict[int, str] = {}
    for path in source.glob(f"{_CPU}/cpu[0-9]*/topology/thread_siblings_list"):
        core, text = number(path.split("/")[-3].removeprefix("cpu")), source.read(path)
        if core is not None and text and core_list(text):
            found[core] = text.strip()
    return found


def _threads_per_core(siblings: dict[int, str]) -> int | None:
    return max((len(core_list(text) or ()) for text in siblings.values()), default=None)


def _core_classes(source: Source, vendor: str | None) -> tuple[frozenset[int], frozenset[int]]:
    """(fast, slow) cores: Intel lists its two kinds, Arm gives each core a capacity, AMD's differ by their clock."""
    fast = core_list(source.read("/sys/devices/cpu_core/cpus"))
    slow = core_list(source.read("/sys/devices/cpu_atom/cpus"))
    if fast and slow:
        return fast, slow
    capacity = _values(source, "cpu_capacity")
    if len(set(capacity.values())) > 1:
        # Some chips have three classes: the middle one runs at nearly full speed and counts as fast.
        return _split(capacity, above=min(capacity.values()))
    if vendor == "AuthenticAMD":
        clock = _values(source, "cpufreq/cpuinfo_max_freq")
        kinds = sorted(set(clock.values()))
        gaps = [low for low, high in pairwise(kinds) if low < _SLOWER_KIND * high]
        if len(gaps) == 1:
            return _split(clock, above=gaps[0])
    return frozenset(), frozenset()


def _values(source: Source, name: str) -> dict[int, int]:
    found: dict[int, int] = {}
    for path in source.glob(f"{_CPU}/cpu[0-9]*/{name}"):
        core = number(path.removeprefix(f"{_CPU}/cpu").partition("/")[0])
        value = number(source.read(path))
        if core is not None and value is not None:
            found[core] = value
    return found


def _split(values: dict[int, int], *, above: int) -> tuple[frozenset[int], frozenset[int]]:
    fast = frozenset(core for core, value in values.items() if value > above)
    return fast, frozenset(values) - fast


def _physical_of(siblings: dict[int, str], cores: frozenset[int]) -> int:
    return len({siblings.get(core, str(core)) for core in cores})


def _last_level_cache(source: Source) -> int | None:
    sizes = [size(source.read(path)) for path in source.glob(f"{_CPU}/cpu0/cache/index*/size")]
    return max((found for found in sizes if found), default=None)


def _nodes(source: Source) -> tuple[int | None, int]:
    """(memory nodes with processors, nodes with memory alone)."""
    with_cores, with_memory = core_list(source.read(f"{_NODE}/has_cpu")), core_list(source.read(f"{_NODE}/has_memory"))
    if with_cores:
        return len(with_cores), len((with_memory or frozenset()) - with_cores)
    lists = [source.read(path) or "" for path in source.glob(f"{_NODE}/node[0-9]*/cpulist")]
    filled = sum(1 for text in lists if text.strip())
    return (filled, len(lists) - filled) if filled else (None, 0)
