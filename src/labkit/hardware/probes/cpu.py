"""The processor: Linux from /proc, /sys and lscpu, macOS from sysctl and system_profiler, Windows from the registry."""

from dataclasses import replace

from labkit.hardware.probes import apple, foreign, windows
from labkit.hardware.probes.apple import TRANSLATED
from labkit.hardware.probes.asahi import chip_name
from labkit.hardware.probes.cgroup import probe_cpu_quota
from labkit.hardware.probes.cpu_topology import probe_topology
from labkit.hardware.probes.cpuinfo import parse_cpuinfo
from labkit.hardware.probes.finding import Finding
from labkit.hardware.probes.layers import first_known
from labkit.hardware.probes.lscpu import Lscpu, parse_lscpu
from labkit.hardware.probes.text import core_list, key_values
from labkit.hardware.profile import Cpu, FactSource, Problem
from labkit.hardware.source import Source, printed

Layers = list[tuple[Cpu, str]]

# What lscpu is asked for when cheaper texts did not say it.
_WANTED = ("model_name", "physical_cores", "logical_cores", "features", "threads_per_core", "numa_nodes")


def probe_cpu(source: Source) -> Finding[Cpu]:
    """The processor as the system describes it; psutil fills the core counts that no text gives."""
    problems: tuple[Problem, ...] = ()
    if source.system == "Darwin":
        layers = apple.cpu_layers(source)
    elif source.system == "Windows":
        layers = windows.cpu_layers(source)
    else:
        layers, problems = _linux(source)
    cpu, sources = first_known([*layers, (_counted(source), "psutil"), (foreign.read_cpu(source), foreign.ORIGIN)])
    cpu, sources = _with_threads(cpu, sources)
    quota = probe_cpu_quota(source) if source.system == "Linux" else None
    if quota is not None:
        cpu, sources = replace(cpu, quota_cores=quota), {**sources, "quota_cores": _by("control group")}
    return Finding(cpu, sources, problems)


def _linux(source: Source) -> tuple[Layers, tuple[Problem, ...]]:
    saved = source.counters().logical_cores is None
    listed = parse_cpuinfo(source.read("/proc/cpuinfo"), excerpt=saved)
    topology = probe_topology(source, listed.vendor)
    layers: Layers = [(listed, "/proc/cpuinfo"), (topology.cpu, "sysfs"), (_allowed(source), "/proc/self/status")]
    if chip := chip_name(source):
        layers.insert(0, (Cpu(model_name=chip, vendor="Apple", threads_per_core=1), "device tree"))
    nodes = topology.nodes_without_cores
    known, _ = first_known(layers)
    if not all(getattr(known, name) for name in _WANTED):
        told = ask_lscpu(source)
        nodes = nodes or told.nodes_without_cores
        layers = _with_lscpu(layers, listed, told.cpu, saved=saved)
    return layers, (*_device_memory(nodes), *_translated(known.model_name))


def ask_lscpu(source: Source) -> Lscpu:
    """What lscpu prints; empty where there is none."""
    return parse_lscpu(printed(source, ["lscpu"]))


def _with_lscpu(layers: Layers, listed: Cpu, told: Cpu, *, saved: bool) -> Layers:
    # Of a saved excerpt of /proc/cpuinfo lscpu knows more processors. On a living machine it may see the host's.
    if saved and (told.logical_cores or 0) > (listed.logical_cores or 0):
        counts = Cpu(physical_cores=told.physical_cores, logical_cores=told.logical_cores)
        layers = [(counts, "lscpu"), *layers]
    return [*layers, (told, "lscpu")]


def _allowed(source: Source) -> Cpu:
    status = key_values(source.read("/proc/self/status"))
    allowed = core_list(status.get("Cpus_allowed_list"))
    return Cpu(affinity_cores=len(allowed) if allowed else None)


def _counted(source: Source) -> Cpu:
    counters = source.counters()
    return Cpu(
        physical_cores=counters.physical_cores,
        logical_cores=counters.logical_cores,
        affinity_cores=counters.affinity_cores,
    )


def _with_threads(cpu: Cpu, sources: dict[str, FactSource]) -> tuple[Cpu, dict[str, FactSource]]:
    """The third of threads per core and the two counts, where two of them tell it."""
    logical, physical = cpu.logical_cores, cpu.physical_cores
    if logical and not physical and cpu.threads_per_core == 1:
        return replace(cpu, physical_cores=logical), {**sources, "physical_cores": _by("one thread on each core")}
    if cpu.threads_per_core or not logical or not physical or logical % physical:
        return cpu, sources
    return replace(cpu, threads_per_core=logical // physical), {**sources, "threads_per_core": _by("core counts")}


def _device_memory(nodes: int) -> tuple[Problem, ...]:
    if not nodes:
        return ()
    what = (
        f"{nodes} memory node{'s have' if nodes > 1 else ' has'} no processors: they belong to devices (a GPU's own "
        "memory, as on Grace Hopper, or CXL), and the size of system memory may include them"
    )
    return (Problem("note", what, "see the nodes with: numactl --hardware"),)


def _translated(name: str | None) -> tuple[Problem, ...]:
    if not (name or "").startswith(TRANSLATED):
        return ()
    what = "this system is built for Intel and runs translated on an Apple chip: models are several times slower"
    return (Problem("warning", what, "take one for Arm: docker run --platform linux/arm64 ..."),)


def _by(source: str) -> FactSource:
    return FactSource("reported", source)
