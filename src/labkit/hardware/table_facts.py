"""Fills in what no driver says (bandwidth, arithmetic rates) from the table of devices. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from labkit.hardware.device_table import DeviceFacts, DeviceTable
from labkit.hardware.profile import Cpu, FactSource, Gpu, Memory

_BANDWIDTH = "peak_bandwidth_bytes_per_second"
_FACTS = (_BANDWIDTH, "peak_fp16_flops", "peak_fp16_tensor_flops", "compute_capability", "architecture")
# Known of the chip; a slice of a card has a share of its rates that nobody states.
_FACTS_OF_A_SLICE = ("compute_capability", "architecture")


def fill_gpus(
    gpus: Iterable[Gpu], table: DeviceTable, memory: Memory, board: str | None = None
) -> tuple[tuple[Gpu, ...], dict[str, FactSource]]:
    """The GPUs with facts of the table where they had none, and the sources of those, keyed "<index>.<field>".

    Args:
        gpus: of one machine, as merged.
        table: shipped, with the user's rows.
        memory: a unified part is told apart from others of its name by the system's.
        board: the computer's name, for a part whose driver calls it by the chip's ("Orin (nvgpu)").
    """
    filled, sources = [], dict[str, FactSource]()
    for index, gpu in enumerate(gpus):
        facts = _facts_of(gpu, table, memory, board)
        names = _FACTS_OF_A_SLICE if gpu.mig else _FACTS
        wanted = [name for name in names if getattr(gpu, name) is None] if facts else []
        new = {name: value for name in wanted if (value := getattr(facts, name)) is not None}
        if facts and (gpu.name or "").endswith("..."):  # a table cut it, and only one part begins like this
            new["name"] = facts.name
        filled.append(replace(gpu, **new))
        for name in new:
            sources[f"{index}.{name}"] = _source(facts, table)
    return tuple(filled), sources


def fill_memory(
    memory: Memory, cpu: Cpu, gpus: Iterable[Gpu], table: DeviceTable
) -> tuple[Memory, dict[str, FactSource]]:
    """System memory with its peak bandwidth, where the chip that it is soldered to tells it."""
    if memory.peak_bandwidth_bytes_per_second is not None:
        return memory, {}
    named = [(gpu.name, gpu.num_cores) for gpu in gpus if gpu.unified] or [(cpu.model_name, None)]
    for name, num_cores in named:
        facts = table.find(name or "", memory_bytes=memory.physical_bytes, num_cores=num_cores)
        if facts and facts.unified and (peak := facts.peak_bandwidth_bytes_per_second):
            return replace(memory, peak_bandwidth_bytes_per_second=peak), {_BANDWIDTH: _source(facts, table)}
    return memory, {}


def _facts_of(gpu: Gpu, table: DeviceTable, memory: Memory, board: str | None) -> DeviceFacts | None:
    size = memory.physical_bytes if gpu.unified else gpu.memory_bytes
    names = [gpu.name, board] if gpu.unified else [gpu.name]
    for name in filter(None, names):
        facts = table.find(
            name,
            vendor=gpu.vendor,
            memory_bytes=None if gpu.mig else size,
            num_cores=gpu.num_cores,
            memory_clock_mhz=gpu.memory_clock_mhz,
        )
        if facts:
            return facts
    return None


def _source(facts: DeviceFacts | None, table: DeviceTable) -> FactSource:
    assert facts is not None
    first = table.sources.get(facts.sources[0], facts.sources[0]) if facts.sources else "no source given"
    more = f" and {len(facts.sources) - 1} more" if len(facts.sources) > 1 else ""
    return FactSource("table", f"device table, {facts.name}: {first}{more}")
