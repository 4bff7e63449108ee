"""Counters and histograms of one event loop: no locks, and a whole request's values at once.

The library's own take a lock for every value, and an answer has thousands of gaps between tokens. What is here is
counted when a request ends and becomes the library's families when somebody asks.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]


class Counter:
    """A number that only grows, for each set of labels. `_total` is added to its name where it is written."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str]) -> None:
        self._name = name
        self._documentation = documentation
        self._label_names = tuple(labels)
        self._values: dict[Labels, float] = {}

    def add(self, labels: Labels, amount: float = 1) -> None:
        """Count `amount` more."""
        self._values[labels] = self._values.get(labels, 0) + amount

    def family(self) -> CounterMetricFamily:
        """What was counted so far."""
        family = CounterMetricFamily(self._name, self._documentation, labels=self._label_names)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        return family


class Histogram:
    """How many values were at most each of `bounds`, for each set of labels."""

    def __init__(self, name: str, documentation: str, bounds: Sequence[float], labels: Sequence[str]) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = tuple(bounds)
        self._bound_texts = (*(floatToGoString(bound) for bound in bounds), "+Inf")
        self._label_names = tuple(labels)
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def add(self, labels: Labels, values: Iterable[float]) -> None:
        """Count `values`, none of them below 0."""
        bounds, total = self._bounds, 0.0
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(bounds) + 1)
        for value in values:
            counts[bisect_left(bounds, value)] += 1
            total += value
        self._sums[labels] = self._sums.get(labels, 0.0) + total

    def family(self, name: str = "") -> HistogramMetricFamily:
        """What was counted so far; under another `name`, where two names are known for one thing."""
        family = HistogramMetricFamily(name or self._name, self._documentation, labels=self._label_names)
        for labels, counts in self._counts.items():
            cumulative, so_far = [], 0
            for bound, count in zip(self._bound_texts, counts, strict=True):
                so_far += count
                cumulative.append((bound, so_far))
            family.add_metric(labels, cumulative, self._sums[labels])
        return family
