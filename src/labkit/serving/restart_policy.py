"""When a worker that crashed is started again. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Back-off that doubles with each crash in the window, and a breaker that stops a crash loop."""

    first_delay_seconds: float = 0.2
    max_delay_seconds: float = 10.0
    max_crashes: int = 5
    window_seconds: float = 60.0

    def delay_after(self, crash_times: Sequence[float]) -> float | None:
        """Seconds to wait before the next start; None when the breaker opens.

        `crash_times` are monotonic seconds, oldest first, at least one.
        """
        num_recent = sum(crash_times[-1] - time <= self.window_seconds for time in crash_times)
        if num_recent >= self.max_crashes:
            return None
        return min(self.first_delay_seconds * 2 ** (num_recent - 1), self.max_delay_seconds)
