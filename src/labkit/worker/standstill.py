"""Tells an engine that hangs from one that is busy. Pure."""

from collections.abc import Hashable

SHOWS_NODES_SECONDS = 12.0
"""Longest time of one operation of a forward: the largest product of matrices takes 5 s on a slow machine."""
SHOWS_STEPS_SECONDS = 120.0
"""Longest time of a whole forward, where nothing is seen of it before its end (accelerators)."""
_MOST_BETWEEN_LOOKS = 2.0


class Standstill:
    """For how long nothing has moved, by looking again and again. Modifies itself."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._last: Hashable = None
        self._looked: float | None = None
        self.seconds = 0.0

    def look(self, progress: Hashable, *, is_busy: bool, now: float) -> float:
        """Seconds without change of `progress` in a busy engine. `now` is of any clock.

        Between two looks at most 2 s are counted: whoever was kept from looking (a machine that slept, a process that
        was stopped) cannot blame the engine for it.
        """
        passed = 0.0 if self._looked is None else min(now - self._looked, _MOST_BETWEEN_LOOKS)
        self._looked = now
        self.seconds = self.seconds + passed if is_busy and progress == self._last else 0.0
        self._last = progress
        return self.seconds

    @property
    def is_stuck(self) -> bool:
        """Whether that is longer than any work takes."""
        return self.seconds >= self._limit_seconds
