"""How much memory all models of an endpoint may take together."""

from labkit.estimate import machine_from_profile
from labkit.hardware import detect_hardware
from labkit.hardware.probes.memory import probe_memory
from labkit.hardware.source import SystemSource
from labkit.settings import Settings


class MemoryBudget:
    """A limit that was given, within what the machine has.

    What is free is asked again for each decision: other programs come and go. Accelerators are looked for only where
    system memory alone does not do, because that takes a second.
    """

    def __init__(self, limit_bytes: int | None = None, settings: Settings | None = None) -> None:
        self._limit = limit_bytes
        self._settings = settings
        self._device_bytes = 0
        self._free_when_idle: int | None = None
        self.is_whole = limit_bytes is not None or settings is None

    def bytes_beside(self, resident_bytes: int) -> int | None:
        """The budget while models that take `resident_bytes` are loaded; None when unknown. Reads a few small files."""
        free = probe_memory(SystemSource()).value.budget_bytes
        if free is None:
            return self._limit
        if self._free_when_idle is None or resident_bytes == 0:
            self._free_when_idle = free + resident_bytes
        # Mapped weights of loaded models may count as free: then the sum is too large, and the older figure holds.
        budget = min(free + resident_bytes, self._free_when_idle) + self._device_bytes
        return budget if self._limit is None else min(budget, self._limit)

    def look_further(self) -> None:
        """Count the largest accelerator's memory too. Blocks for a second."""
        if self.is_whole or self._settings is None:
            return
        self.is_whole = True
        machine = machine_from_profile(detect_hardware(self._settings, measure=False))
        own = (device.budget_bytes for device in machine.devices if not device.unified)
        self._device_bytes = max(own, default=0)
