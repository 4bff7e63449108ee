"""What a forward costs on this machine, learned while it runs. Pure: the caller measures."""

import itertools

_RATE_OF_LEARNING = 0.25


class CostModel:
    """Seconds of a forward by its number of tokens: a running mean per size, straight lines between.

    A mean that forgets follows the context as it grows and the machine as it gets busy. One outlier (another
    program's burst) must not halve a chunk: a single observation counts at most twice the mean it meets.
    """

    def __init__(self) -> None:
        self._means: dict[int, tuple[float, float]] = {}
        self._points: list[tuple[float, float]] = []  # speculation asks many times for each forward

    def observe(self, num_tokens: int, seconds: float) -> None:
        """Learn from a forward of `num_tokens` that took `seconds`."""
        size = num_tokens.bit_length()
        tokens, mean = self._means.get(size, (float(num_tokens), seconds))
        bounded = min(seconds, 2 * mean)
        self._means[size] = (
            tokens + _RATE_OF_LEARNING * (num_tokens - tokens),
            mean + _RATE_OF_LEARNING * (bounded - mean),
        )
        self._points = self._monotone()

    def seconds(self, num_tokens: int) -> float | None:
        """Expected seconds of a forward; None before anything was observed."""
        points = self._points
        if not points:
            return None
        if num_tokens <= points[0][0]:
            return points[0][1]
        for (low, low_seconds), (high, high_seconds) in itertools.pairwise(points):
            if num_tokens <= high:
                return low_seconds + (high_seconds - low_seconds) * (num_tokens - low) / (high - low)
        most, most_seconds = points[-1]
        return most_seconds * num_tokens / most

    def tokens_within(self, seconds: float, *, at_least: int, at_most: int) -> int:
        """The largest forward, between the two bounds, that is expected to take at most `seconds`."""
        if not self._means:
            return at_most
        low, high = at_least, at_most
        while low < high:
            middle = (low + high + 1) // 2
            if (self.seconds(middle) or 0.0) <= seconds:
                low = middle
            else:
                high = middle - 1
        return low

    def _monotone(self) -> list[tuple[float, float]]:
        """(tokens, seconds) by rising tokens; seconds never fall, whatever the noise said."""
        points: list[tuple[float, float]] = []
        for tokens, seconds in sorted(self._means.values()):
            points.append((tokens, max(seconds, points[-1][1]) if points else seconds))
        return points
