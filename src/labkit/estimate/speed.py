"""Decode speed as a range, with a word for how far to trust it.

Where the native core was calibrated (`labkit doctor`), the terms of `labkit.estimate.speed_model` add up. Elsewhere:

    seconds per token = bytes read / (efficiency x bandwidth) + layers x seconds per layer

whose constants were fitted on public llama.cpp runs (Q4_K_M, 75 rows over 5 devices, within 15 %); one efficiency
alone cannot fit both small and large models. They are a prior for this machine, so the range is wide.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from labkit.estimate.machine import Device, Machine, Vendor
from labkit.estimate.memory import KV_BYTES, ContextSettings
from labkit.estimate.speed_model import decode_terms, is_covered
from labkit.estimate.work import TokenWork
from labkit.hardware.calibration import DeviceCalibration

Confidence = Literal["calibrated", "partly calibrated", "measured bandwidth", "table"]
"""Best first: every term was measured here; some kind of matrix or layer was not; only the memory's bandwidth was;
nothing was, and the constants are of other machines."""
CONFIDENCES: tuple[Confidence, ...] = ("calibrated", "partly calibrated", "measured bandwidth", "table")
GPU_SPREAD = 0.2
TYPICAL_TYPES_SPREAD = 0.05  # a file's mixture of types may differ from what is usual
UNCOVERED_SPREAD = 0.25


@dataclass(frozen=True, slots=True)
class DecodeConstants:
    """Share of the bandwidth that decoding reaches, and overhead per layer; (low, high)."""

    efficiency: tuple[float, float]
    seconds_per_layer: tuple[float, float]


# (efficiency, seconds per layer) fitted on an RTX 5070, an M4 Pro and an RX 7900 XT.
GPU_PRIORS: dict[Vendor, tuple[float, float]] = {
    "nvidia": (0.84, 45e-6),
    "apple": (0.82, 95e-6),
    "amd": (0.85, 70e-6),
}
# Older chips of two and more dies or with wide memory do not fill it: an M1 Max reached 46 tok/s of an 8B's 65.
OLD_WIDE_APPLE = re.compile(r"\bM[12] (?:Max|Ultra)\b")
OLD_WIDE_APPLE_PRIOR = (0.6, 95e-6)
# The fastest memory of the cards that were fitted or checked; on stacked memory beyond it one sequence is held up by
# other things, and no run was at hand to say how much: there the low end is half.
TRIED_BYTES_PER_SECOND = 1.8e12
UNTRIED_SHARE = 0.5
# Of the bandwidth a read loop measures; caches help small models past it.
CPU_MEASURED_PRIOR = DecodeConstants((0.5, 1.1), (100e-6, 300e-6))
# Of the theoretical peak: a 24-core server reached 0.30 of its own with a 7B model, small machines more.
CPU_TABLE_PRIOR = DecodeConstants((0.3, 0.75), (100e-6, 300e-6))


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second of one sequence.

    Attributes:
        low, high: an honest range; over a context, `low` at its end and `high` at its start.
        likely: the best guess; None where there is only a range.
    """

    low: float
    high: float
    likely: float | None = None
    confidence: Confidence = "table"

    @property
    def middle(self) -> float:
        """The best guess, or else the geometric middle of the range."""
        return self.likely or (self.low * self.high) ** 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """What one token reads from one memory, in bytes: weights (low, high), and the cache of a full context.

    Attributes:
        least_cache_bytes: the cache at the other end of the range.
    """

    weight_bytes: tuple[int, int]
    cache_bytes: int
    num_layers: float
    bandwidth_bytes_per_second: float
    constants: DecodeConstants
    confidence: Confidence = "table"
    least_cache_bytes: int = 0

    def seconds(self, *, slowest: bool) -> float:
        """Seconds per token: the slow end with the whole context in the cache, the fast end with none."""
        pick = 0 if slowest else 1
        read = self.weight_bytes[1] + self.cache_bytes if slowest else self.weight_bytes[0] + self.least_cache_bytes
        overhead = self.num_layers * self.constants.seconds_per_layer[1 - pick]
        return read / (self.constants.efficiency[pick] * self.bandwidth_bytes_per_second) + overhead

    @property
    def likely_seconds(self) -> float:
        """The geometric middle of both ends."""
        return (self.seconds(slowest=True) * self.seconds(slowest=False)) ** 0.5


@dataclass(frozen=True, slots=True)
class CalibratedReading:
    """What one token makes a calibrated device do.

    Attributes:
        depths: tokens in front of it, (least, most).
        kv_bytes: of one element of the KV cache.
    """

    work: TokenWork
    device: DeviceCalibration
    depths: tuple[float, float]
    kv_bytes: float = 2.0

    def seconds(self, *, slowest: bool) -> float:
        """Seconds per token at one end of the depths, and of the calibration's spread."""
        spread = 1 + self._spread()
        return self._at(self.depths[1]) * spread if slowest else self._at(self.depths[0]) / spread

    @property
    def likely_seconds(self) -> float:
        """Seconds per token in the middle of the depths."""
        return self._at(sum(self.depths) / 2)

    @property
    def confidence(self) -> Confidence:
        """Whether all of it was measured."""
        return "calibrated" if is_covered(self.work, self.device) else "partly calibrated"

    def _at(self, depth: float) -> float:
        return sum(decode_terms(self.work, self.device, depth, self.kv_bytes).values())

    def _spread(self) -> float:
        spread = self.device.spread + (0.0 if self.work.exact else TYPICAL_TYPES_SPREAD)
        return spread if self.confidence == "calibrated" else spread + UNCOVERED_SPREAD


AnyReading = Reading | CalibratedReading


def decode_speed(readings: Sequence[AnyReading]) -> Speed:
    """Speed of a model whose parts lie in these memories: the times of the parts add up. Pure."""
    slow = sum(reading.seconds(slowest=True) for reading in readings)
    fast = sum(reading.seconds(slowest=False) for reading in readings)
    likely = sum(reading.likely_seconds for reading in readings)
    worst = CONFIDENCES[max(CONFIDENCES.index(reading.confidence) for reading in readings)]
    return Speed(1 / slow, 1 / fast, 1 / likely, worst)


def calibrated_reading(
    work: TokenWork | None,
    calibration: DeviceCalibration | None,
    context: ContextSettings,
    depths: tuple[float, float] | None = None,
) -> CalibratedReading | None:
    """The part of a token on a calibrated device, over the whole context of a sequence or at these depths.

    None where the device was not calibrated, or what the model does is not known.
    """
    if work is None or calibration is None or not calibration.rates:
        return None
    whole = (0.0, context.context_tokens / max(context.num_sequences, 1))
    return CalibratedReading(work, calibration, depths or whole, KV_BYTES[context.kv_type])


def cpu_constants(machine: Machine) -> tuple[float, DecodeConstants] | None:
    """Bandwidth and constants of system memory, None when its bandwidth is not known."""
    rate = machine.ram_bandwidth_bytes_per_second
    if not rate or machine.ram_bandwidth_source == "unknown":
        return None
    return rate, CPU_MEASURED_PRIOR if machine.ram_bandwidth_source == "measured" else CPU_TABLE_PRIOR


def gpu_constants(device: Device) -> tuple[float, DecodeConstants] | None:
    """Bandwidth and constants of an accelerator, None when its bandwidth or its kind is not known.

    Several equal ones hold a part each and take turns, so together they are as fast as one.
    """
    prior = OLD_WIDE_APPLE_PRIOR if OLD_WIDE_APPLE.search(device.name) else GPU_PRIORS.get(device.vendor)
    if prior is None or not device.bandwidth_bytes_per_second:
        return None
    efficiency, per_layer = prior
    spread = (1 - GPU_SPREAD, 1 + GPU_SPREAD)
    if device.bandwidth_bytes_per_second > TRIED_BYTES_PER_SECOND:
        spread = (spread[0] * UNTRIED_SHARE, spread[1])
    # An efficiency over 1 would beat the memory itself.
    efficiencies = (efficiency * spread[0], min(efficiency * spread[1], 1.0))
    constants = DecodeConstants(efficiencies, (per_layer * (1 - GPU_SPREAD), per_layer * (1 + GPU_SPREAD)))
    return device.bandwidth_bytes_per_second, constants


def bandwidth_confidence(machine: Machine, device: Device | None) -> Confidence:
    """How far to trust a speed that rests on a bandwidth."""
    return "measured bandwidth" if device is None and machine.ram_bandwidth_source == "measured" else "table"
