"""Detection: probes -> merge -> rules -> profile. The only place that puts them in order."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from labkit.errors import InputError, InsufficientMemoryError
from labkit.hardware.calibration_store import load_calibration
from labkit.hardware.device_table import DeviceTable, load_device_table, shipped_devices
from labkit.hardware.measure import load_bandwidth, measure_and_keep_bandwidth
from labkit.hardware.merge import choose_tier, merge_gpus
from labkit.hardware.probes import apple, windows
from labkit.hardware.probes.amd import probe_amd
from labkit.hardware.probes.asahi import probe_asahi
from labkit.hardware.probes.cpu import probe_cpu
from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.probes.intel import probe_intel
from labkit.hardware.probes.memory import probe_memory
from labkit.hardware.probes.native import probe_native_core
from labkit.hardware.probes.nvidia import probe_nvidia
from labkit.hardware.probes.platform import probe_platform
from labkit.hardware.probes.vulkan import probe_vulkan
from labkit.hardware.problems import by_severity, find_problems
from labkit.hardware.profile import BandwidthMeasurement, FactSource, Gpu, HardwareProfile, NativeCore, Problem, Storage
from labkit.hardware.source import Source, SystemSource, begin_detection
from labkit.hardware.table_facts import fill_gpus, fill_memory
from labkit.settings import Settings


def detect_hardware(
    settings: Settings,
    *,
    measure: bool = True,
    source: Source | None = None,
    on_measuring: Callable[[], None] = lambda: None,
) -> HardwareProfile:
    """The machine, or the one behind `source`. Never raises for what a machine lacks.

    Blocks about half a second, and one more to measure bandwidth: `measure` False shows the kept figures, if any.
    The kept calibration of the native core is shown; `labkit.bench.calibrate` makes it. Writes nothing but the
    bandwidth. `on_measuring` is called when looking ends and measuring begins.
    """
    machine = source or begin_detection()
    devices, unreadable = _device_table(settings)
    found = probe_machine(machine, devices)
    if found.native_core is None and isinstance(machine, SystemSource):
        found = replace(found, native_core=NativeCore(load_error="Python could not be started again"))
    profile = replace(found, storage=probe_storage(settings))
    # Before measuring: the load average must be that of other work.
    problems = [*unreadable, *profile.problems, *find_problems(profile)]
    sources = {**profile.sources, **_prefixed("storage", reported_by(profile.storage, "operating system"))}
    on_measuring()
    measured, trouble = _bandwidth(settings, machine, profile, measure=measure)
    if measured is not None:
        sources["measured.per_thread_count"] = FactSource("measured", "numpy read loop")
    core = profile.native_core
    return replace(
        profile,
        measured=measured,
        calibration=load_calibration(settings, profile.cpu, core.llama_commit if core else None),
        problems=by_severity([*problems, *trouble]),
        sources=sources,
    )


def probe_machine(source: Source, devices: DeviceTable | None = None) -> HardwareProfile:
    """Everything a source tells, merged, with the probes' own problems; no storage, no measurement, no rules.

    What no driver says is read from `devices`, the shipped table by default.
    """
    system, memory, cpu = probe_platform(source), probe_memory(source), probe_cpu(source)
    findings = _probe_gpus(source)
    core = probe_native_core(source)  # last: it may still be on its way
    merged = merge_gpus(findings, core.value, memory.value)
    table = devices or shipped_devices()
    gpus, gpu_facts = fill_gpus(merged.gpus, table, memory.value, system.value.board)
    ram, ram_facts = fill_memory(memory.value, cpu.value, gpus, table)
    sources = {
        **_prefixed("os", system.sources),
        **_prefixed("cpu", cpu.sources),
        **_prefixed("memory", {**memory.sources, **ram_facts}),
        **_prefixed("gpus", {**merged.sources, **gpu_facts}),
        **_prefixed("native_core", core.sources),
    }
    return HardwareProfile(
        tier=choose_tier(merged.gpus, core.value, system.value.name),
        os=system.value,
        cpu=cpu.value,
        memory=ram,
        gpus=gpus,
        native_core=core.value,
        problems=tuple(problem for part in (core, cpu, memory, *findings) for problem in part.problems),
        sources=sources,
    )


def probe_storage(settings: Settings) -> Storage:
    """Free bytes where models are kept, and whether labkit may write there. Makes no folder."""
    place = settings.data_folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        free = None
    return Storage(free_bytes=free, writable=place.is_dir() and _may_write(place))


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _probe_gpus(source: Source) -> list[Finding[tuple[Gpu, ...]]]:
    if source.system == "Darwin":
        return [apple.probe_gpus(source)]
    nvidia = probe_nvidia(source)
    if source.system == "Windows":
        findings = [nvidia, windows.probe_gpus(source)]
    else:
        findings = [nvidia, probe_amd(source), probe_intel(source), probe_asahi(source)]
    if not any(finding.value for finding in findings):
        findings.append(probe_vulkan(source))
    return findings


def _bandwidth(
    settings: Settings, source: Source, profile: HardwareProfile, *, measure: bool
) -> tuple[BandwidthMeasurement | None, tuple[Problem, ...]]:
    """The measurement, and what went wrong with it."""
    if not measure:
        return load_bandwidth(settings, profile.cpu), ()
    try:
        measured, kept = measure_and_keep_bandwidth(settings, source)
    except InsufficientMemoryError as error:
        return None, (Problem("note", error.message, error.hint),)
    if kept or profile.storage.writable is False:  # a rule says that already
        return measured, ()
    what = "the measurement could not be kept: later commands measure again"
    return measured, (
        Problem("note", what, "make the data folder writable, or set another: LABKIT_HOME=~/labkit-data"),
    )


def _device_table(settings: Settings) -> tuple[DeviceTable, tuple[Problem, ...]]:
    """The shipped table with the user's rows; a user's file that cannot be read is a problem, not the end."""
    try:
        return load_device_table(settings.devices_folder), ()
    except InputError as error:
        return shipped_devices(), (Problem("warning", error.message, error.hint),)


def _prefixed(name: str, sources: Mapping[str, FactSource]) -> dict[str, FactSource]:
    return {f"{name}.{key}": fact for key, fact in sources.items()}
