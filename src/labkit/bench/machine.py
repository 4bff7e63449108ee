"""The physical limits of this machine that a figure is held against."""

from dataclasses import dataclass

from labkit.errors import InsufficientMemoryError
from labkit.hardware import load_or_measure_bandwidth
from labkit.hardware.probes.cpu import probe_cpu
from labkit.hardware.source import SystemSource
from labkit.settings import Settings


@dataclass(frozen=True, slots=True)
class MachineLimits:
    """Unknown is None.

    Attributes:
        bytes_per_second: read bandwidth of system memory, measured, best thread count.
        cache_bytes: the processor's last-level cache.
    """

    bytes_per_second: float | None = None
    cache_bytes: int | None = None


def load_or_measure_limits(settings: Settings) -> MachineLimits:
    """Limits of this machine; blocks for about a second where the bandwidth was never measured."""
    source = SystemSource()
    cache = probe_cpu(source).value.last_level_cache_bytes
    try:
        bandwidth = load_or_measure_bandwidth(settings, source).best.bytes_per_second
    except InsufficientMemoryError:
        bandwidth = None
    return MachineLimits(bandwidth, cache)
