"""Statistics as llama-bench defines them."""

import math
from collections.abc import Sequence


def mean(samples: Sequence[float]) -> float:
    """Arithmetic mean; 0 for no samples."""
    return math.fsum(samples) / len(samples) if samples else 0.0


def sample_deviation(samples: Sequence[float]) -> float:
    """Standard deviation with n - 1 in the denominator; 0 for fewer than two samples."""
    if len(samples) < 2:
        return 0.0
    middle = mean(samples)
    return math.sqrt(math.fsum((sample - middle) ** 2 for sample in samples) / (len(samples) - 1))
