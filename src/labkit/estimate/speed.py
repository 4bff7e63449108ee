"""Decode speed: each token reads the weights it uses once, and each layer costs a little besides.

    seconds per token = bytes read / (efficiency x bandwidth) + layers x seconds per layer

The constants were fitted on public llama.cpp runs (Q4_K_M, 75 rows over 5 devices, within 15 %); one efficiency
alone cannot fit both small and large models. They are a prior for this machine, so the answer is a range.
"""

from dataclasses import dataclass

from labkit.estimate.machine import Device, Machine, Vendor

GPU_SPREAD = 0.2


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
# Of the bandwidth a read loop measures; caches help small models past it.
CPU_MEASURED_PRIOR = DecodeConstants((0.5, 1.1), (100e-6, 300e-6))
# Of the theoretical peak: a 24-core server reached 0.30 of its own with a 7B model, small machines more.
CPU_TABLE_PRIOR = DecodeConstants((0.3, 0.75), (100e-6, 300e-6))


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second of one sequence; `low` at the end of the context, `high` at its start."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """The geometric middle of the range."""
        return (self.low * self.high) ** 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """What one token reads from one memory, in bytes: weights (low, high), and the cache of a full context."""

    weight_bytes: tuple[int, int]
    cache_bytes: int
    num_layers: int
    bandwidth_bytes_per_second: float
    constants: DecodeConstants

    def seconds(self, *, slowest: bool) -> float:
        """Seconds per token: the slow end with the whole context in the cache, the fast end with none."""
        pick = 0 if slowest else 1
        read = self.weight_bytes[1] + self.cache_bytes if slowest else self.weight_bytes[0]
        overhead = self.num_layers * self.constants.seconds_per_layer[1 - pick]
        return read / (self.constants.efficiency[pick] * self.bandwidth_bytes_per_second) + overhead


def decode_speed(readings: tuple[Reading, ...]) -> Speed:
    """Speed of a model whose parts lie in these memories: the times of the parts add up. Pure."""
    slow = sum(reading.seconds(slowest=True) for reading in readings)
    fast = sum(reading.seconds(slowest=False) for reading in readings)
    return Speed(1 / slow, 1 / fast)


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
    prior = GPU_PRIORS.get(device.vendor)
    if prior is None or not device.bandwidth_bytes_per_second:
        return None
    efficiency, per_layer = prior
    spread = (1 - GPU_SPREAD, 1 + GPU_SPREAD)
    # An efficiency over 1 would beat the memory itself.
    efficiencies = (efficiency * spread[0], min(efficiency * spread[1], 1.0))
    constants = DecodeConstants(efficiencies, (per_layer * spread[0], per_layer * spread[1]))
    return device.bandwidth_bytes_per_second, constants
