"""What the estimator needs to know of a machine: budgets of memory and rates of reading it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from labkit.hardware import Gpu, HardwareProfile
from labkit.hardware.calibration import Calibration, DeviceCalibration
from labkit.hardware.supposed import counted_gpus
from labkit.units import MIB

Vendor = Literal["nvidia", "amd", "intel", "apple", "other"]
RateSource = Literal["measured", "table", "unknown"]
PROCESSOR = "CPU"  # its name in a calibration
ASSUMED_RAM_SHARE = 0.75
DISPLAY_BYTES = 512 * MIB


@dataclass(frozen=True, slots=True)
class Device:
    """An accelerator, or several equal ones that one model may be spread over.

    Attributes:
        budget_bytes: memory a model may use, over all of them.
        bandwidth_bytes_per_second: theoretical peak of one of them.
        unified: its memory is the system's, so nothing is gained by splitting a model between the two.
        calibration: what the native core was measured to do on one of them.
        peak_operations_per_second: theoretical, of one of them, in half precision.
    """

    name: str
    vendor: Vendor
    budget_bytes: int
    bandwidth_bytes_per_second: float | None = None
    unified: bool = False
    count: int = 1
    calibration: DeviceCalibration | None = None
    peak_operations_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """Budgets and rates. Unknown is None.

    Attributes:
        ram_budget_bytes: what a model may use of system memory.
        ram_bandwidth_bytes_per_second: `ram_bandwidth_source` says whether it was measured by reading, or is the
            theoretical peak of a table, which no processor reaches.
        devices: accelerators that the installed core can use, largest budget first. Unlike ones are not added up.
        assumptions: what was not known and assumed, in words.
        calibration: what the native core was measured to do on the processor.
    """

    ram_budget_bytes: int | None
    ram_bandwidth_bytes_per_second: float | None = None
    ram_bandwidth_source: RateSource = "unknown"
    physical_cores: int | None = None
    devices: tuple[Device, ...] = ()
    name: str = ""
    assumptions: tuple[str, ...] = ()
    calibration: DeviceCalibration | None = None


def machine_from_profile(profile: HardwareProfile) -> Machine:
    """The estimator's view of a hardware profile. Pure."""
    ram, assumptions = _ram_budget(profile)
    rate, source = _ram_bandwidth(profile)
    devices = [_device(group, assumptions, profile.calibration) for group in _equal_groups(counted_gpus(profile))]
    return Machine(
        ram_budget_bytes=ram,
        ram_bandwidth_bytes_per_second=rate,
        ram_bandwidth_source=source,
        physical_cores=profile.cpu.usable_cores,
        devices=tuple(sorted(filter(None, devices), key=lambda device: -device.budget_bytes)),
        name=profile.name or "this machine",
        assumptions=tuple(assumptions),
        calibration=profile.calibration.device(PROCESSOR) if profile.calibration else None,
    )


def _ram_budget(profile: HardwareProfile) -> tuple[int | None, list[str]]:
    memory = profile.memory
    known = memory.budget_bytes if memory.budget_bytes is not None else memory.available_bytes
    if known is not None or memory.physical_bytes is None:
        return known, []
    return int(memory.physical_bytes * ASSUMED_RAM_SHARE), ["three quarters of memory are assumed to be free"]


def _ram_bandwidth(profile: HardwareProfile) -> tuple[float | None, RateSource]:
    if profile.measured is not None:
        return profile.measured.best.bytes_per_second, "measured"
    peak = profile.memory.peak_bandwidth_bytes_per_second
    return peak, "table" if peak else "unknown"


def _equal_groups(gpus: Iterable[Gpu]) -> list[list[Gpu]]:
    groups: dict[tuple[object, ...], list[Gpu]] = {}
    for gpu in gpus:
        groups.setdefault((gpu.vendor, gpu.name, gpu.memory_bytes, gpu.mig, gpu.unified), []).append(gpu)
    return list(groups.values())


def _device(group: list[Gpu], assumptions: list[str], calibration: Calibration | None) -> Device | None:
    first = group[0]
    vendor = _vendor(first)
    budgets = [_gpu_budget(gpu) for gpu in group]
    if any(budget is None for budget in budgets):
        assumptions.append(f"{first.name or 'a GPU'} is left out: its memory is not known")
        return None
    budget = sum(filter(None, budgets))
    return Device(
        name=first.name or "GPU",
        vendor=vendor,
        budget_bytes=budget,
        bandwidth_bytes_per_second=first.peak_bandwidth_bytes_per_second,
        unified=bool(first.unified),
        count=len(group),
        calibration=calibration.device(first.core_device) if calibration and first.core_device else None,
        peak_operations_per_second=first.peak_fp16_tensor_flops or first.peak_fp16_flops,
    )


def _gpu_budget(gpu: Gpu) -> int | None:
    """Free memory; where only the size is known, what a desktop usually takes is left out."""
    if gpu.free_bytes is not None or gpu.memory_bytes is None:
        return gpu.free_bytes
    return gpu.memory_bytes if gpu.unified else gpu.memory_bytes - DISPLAY_BYTES


def _vendor(gpu: Gpu) -> Vendor:
    name = f"{gpu.vendor or ''} {gpu.name or ''}".casefold()
    for vendor in ("nvidia", "amd", "intel", "apple"):
        if vendor in name:
            return vendor
    return "other"
