"""The report of `labkit doctor` as groups of rows: text for people, from a HardwareProfile. Pure."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from labkit.hardware import BandwidthMeasurement, Gpu, HardwareProfile, tier_name
from labkit.hardware.supposed import supposed_gpus
from labkit.units import render_bandwidth, render_bytes

UNKNOWN = "unknown"
_VENDOR_NAMES = {"amd": "AMD", "nvidia": "NVIDIA", "intel": "Intel", "apple": "Apple"}


@dataclass(frozen=True, slots=True)
class Group:
    """A heading with (label, text) rows under it."""

    title: str
    rows: tuple[tuple[str, str], ...]


def report_groups(profile: HardwareProfile, *, captured: bool = False) -> list[Group]:
    """Machine, Memory, GPU, Native core, Measured, Tier: in this order, each with at least one row.

    `captured`: another machine's texts were read: what is missing was not in them, and cannot be made up for here.
    """
    return [
        Group("Machine", tuple(_machine(profile))),
        Group("Memory", tuple(_memory(profile))),
        Group("GPU", tuple(_gpus(profile)) or (("none found", ""),)),
        Group("Native core", tuple(_core(profile, "not in the capture" if captured else "not asked"))),
        Group("Measured", (("nothing", "a capture holds none"),) if captured else tuple(_measurements(profile))),
        Group("Tier", ((tier_name(profile), _tier_reason(profile)),)),
    ]


def source_rows(profile: HardwareProfile) -> Iterator[tuple[str, str]]:
    """(field, "value (origin: source)") for every fact that detection looks for, unknown ones included."""
    parts: list[tuple[str, object]] = [("os", profile.os), ("cpu", profile.cpu), ("memory", profile.memory)]
    parts += [(f"gpus.{index}", gpu) for index, gpu in enumerate(profile.gpus)]
    parts += [("native_core", profile.native_core), ("storage", profile.storage), ("measured", profile.measured)]
    for prefix, part in parts:
        for field in dataclasses.fields(part) if dataclasses.is_dataclass(part) else ():
            path, value = f"{prefix}.{field.name}", getattr(part, field.name)
            fact = profile.sources.get(path)
            if fact is not None:
                yield path, f"{_value(value)} ({fact.origin}: {fact.source})"
            elif value in (None, ()):
                yield path, UNKNOWN


def _value(value: object) -> str:
    """One fact on one line; parts of parts have rows in the report."""
    if isinstance(value, tuple):
        return f"{len(value)} listed" if any(map(dataclasses.is_dataclass, value)) else " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)


def _machine(profile: HardwareProfile) -> Iterator[tuple[str, str]]:
    system, cpu = profile.os, profile.cpu
    around = [f"WSL {system.wsl}" if system.wsl else "", system.container or "", _hypervisor(system.hypervisor)]
    within = ", ".join(part for part in around if part)
    name = " ".join(part for part in (system.name, system.release, system.architecture) if part)
    yield "system", (name or UNKNOWN) + (f" ({within})" if within else "")
    if system.board:
        yield "board", system.board
    yield "processor", cpu.model_name or UNKNOWN
    yield "cores", _cores(profile)
    if cpu.features:
        yield "features", " ".join(cpu.features)
    if system.power_source:
        yield "power", system.power_source
    if profile.storage.free_bytes is not None:
        yield "disk", f"{render_bytes(profile.storage.free_bytes)} free for models"


def _hypervisor(name: str | None) -> str:
    return "virtual machine" if name == "unknown" else f"{name} guest" if name else ""


def _cores(profile: HardwareProfile) -> str:
    cpu = profile.cpu
    if not (cpu.physical_cores or cpu.logical_cores or cpu.performance_cores):
        return UNKNOWN
    parts = [f"{cpu.physical_cores or UNKNOWN} physical", f"{cpu.logical_cores or UNKNOWN} logical"]
    if cpu.performance_cores and cpu.efficiency_cores:
        parts.append(f"{cpu.performance_cores} performance + {cpu.efficiency_cores} efficiency")
    if cpu.numa_nodes and cpu.numa_nodes > 1:
        parts.append(f"{cpu.numa_nodes} memory nodes")
    if cpu.quota_cores:
        parts.append(f"quota {cpu.quota_cores:g}")
    return f"{', '.join(parts)}; models use {cpu.usable_cores}"


def _memory(profile: HardwareProfile) -> Iterator[tuple[str, str]]:
    memory = profile.memory
    yield "physical", _bytes(memory.physical_bytes)
    yield "available", _bytes(memory.available_bytes)
    if memory.limit_bytes is not None:
        used = f", {render_bytes(memory.current_bytes)} used" if memory.current_bytes is not None else ""
        yield "limit", f"{render_bytes(memory.limit_bytes)} by a control group{used}"
        yield "limit set in", memory.limit_source or UNKNOWN
    budget = memory.budget_bytes
    yield "budget", UNKNOWN if budget is None else f"{render_bytes(budget)} for a model and its context"


def _gpus(profile: HardwareProfile) -> Iterator[tuple[str, str]]:
    for index, gpu in enumerate(profile.gpus):
        parts = [gpu.name or f"GPU of {_VENDOR_NAMES.get(gpu.vendor or '', gpu.vendor or UNKNOWN)}", _gpu_memory(gpu)]
        parts += [f"compute {gpu.compute_capability}"] if gpu.compute_capability else []
        parts += [gpu.architecture] if gpu.architecture else []
        parts += [f"driver {gpu.driver}"] if gpu.driver else []
        if gpu.usable:
            parts.append(f"used through {gpu.backend} as {gpu.core_device}")
        elif gpu.usable is False:
            parts.append("not used by the installed core")
        yield str(index), ", ".join(parts)


def _gpu_memory(gpu: Gpu) -> str:
    kind = " shared with the system" if gpu.unified else " of a MIG slice" if gpu.mig else ""
    if gpu.memory_bytes is None:
        return f"memory{kind}" if gpu.unified else f"memory {UNKNOWN}"
    free = f" ({render_bytes(gpu.free_bytes)} free)" if gpu.free_bytes is not None else ""
    return f"{render_bytes(gpu.memory_bytes)}{kind}{free}"


def _core(profile: HardwareProfile, absent: str) -> Iterator[tuple[str, str]]:
    core = profile.native_core
    if core is None:
        yield "llama.cpp", absent
        return
    if core.load_error:
        yield "llama.cpp", f"does not load: {core.load_error}"
        return
    commit = f", llama.cpp {core.llama_commit}" if core.llama_commit else ""
    ggml = f", ggml {core.ggml_version}" if core.ggml_version else ""
    yield "version", f"llama-cpp-python {core.version or UNKNOWN}{commit}{ggml}"
    yield "backends", ", ".join(core.backends) or UNKNOWN
    for device in core.devices:
        memory = f", {render_bytes(device.total_bytes)}" if device.total_bytes else ""
        yield "device", f"{device.name} ({device.kind}): {device.description}{memory}"
    if core.cpu_features:
        yield "compiled for", " ".join(core.cpu_features)


def _measurements(profile: HardwareProfile) -> Iterator[tuple[str, str]]:
    yield from _measured(profile.measured)
    if profile.calibration is None:
        yield "native core", "not measured: labkit doctor measures it, without --quick"
        return
    for device in profile.calibration.devices:
        rates = ", ".join(f"{rate.tensor_type} {render_bandwidth(rate.bytes_per_second)}" for rate in device.rates)
        layer = device.layer("attention")
        each = f"; {layer.seconds * 1e6:.0f} us a layer" if layer else ""
        threads = f" x{device.threads}" if device.threads else ""
        yield f"core, {device.device}{threads}", f"decodes {rates}{each}"


def _measured(measured: BandwidthMeasurement | None) -> Iterator[tuple[str, str]]:
    if measured is None:
        yield "read bandwidth", "not measured: labkit doctor measures it, without --quick"
        return
    for entry in measured.per_thread_count:
        mark = "  (best)" if entry == measured.best and len(measured.per_thread_count) > 1 else ""
        plural = "thread" if entry.threads == 1 else "threads"
        yield f"{entry.threads} {plural}", f"{render_bandwidth(entry.bytes_per_second)} read{mark}"
    load = f", load average {measured.load_average:.1f}" if measured.load_average is not None else ""
    yield "when", f"{measured.measured_at.replace('T', ' ').replace('+00:00', ' UTC')}{load}"


def _tier_reason(profile: HardwareProfile) -> str:
    if profile.usable_gpus:
        return f"the installed core runs models on {profile.usable_gpus[0].name}"
    if supposed := supposed_gpus(profile):
        return f"supposed: a core built for it would run models on {supposed[0].name or 'the GPU'}"
    if any(gpu.usable is False for gpu in profile.gpus):
        return "models run on the processor: the installed core cannot use the GPU found"
    return "models run on the processor"


def _bytes(num_bytes: int | None) -> str:
    return UNKNOWN if num_bytes is None else render_bytes(num_bytes)
