"""How much was used in the last minute or day: sums over a window that slides. Pure."""

from collections import deque

BUCKETS = 240


class SlidingWindow:
    """The sum of all amounts of the last `seconds`.

    Times are monotonic seconds and never go back, so that a clock that is set resets nothing. Amounts of one 240th of
    the window are forgotten together, with the first of them: in a minute that is a quarter of a second early, never
    late.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._step = seconds / BUCKETS
        self._buckets: deque[list[float]] = deque()
        self._total = 0

    def add(self, amount: int, now: float) -> None:
        """Count `amount` at `now`."""
        self._forget(now)
        if self._buckets and now < self._buckets[-1][0] + self._step:
            self._buckets[-1][1] += amount
        else:
            self._buckets.append([now, amount])
        self._total += amount

    def total(self, now: float) -> int:
        """The sum at `now`."""
        self._forget(now)
        return self._total

    def seconds_until(self, most: int, now: float) -> float:
        """How long until the sum is `most` at most, when nothing is added. 0 when it is."""
        left = self.total(now)
        if left <= most:
            return 0.0
        for started, amount in self._buckets:
            left -= int(amount)
            if left <= most:
                return started + self._seconds - now
        return self._seconds  # `most` is below nothing

    def _forget(self, now: float) -> None:
        while self._buckets and self._buckets[0][0] + self._seconds <= now:
            self._total -= int(self._buckets.popleft()[1])
