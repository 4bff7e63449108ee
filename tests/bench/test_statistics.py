import statistics

import pytest

from labkit.bench.statistics import mean, sample_deviation


def test_against_the_standard_library():
    samples = [3.0, 1.5, 4.25, 9.0]
    assert mean(samples) == pytest.approx(statistics.mean(samples))
    assert sample_deviation(samples) == pytest.approx(statistics.stdev(samples))


def test_too_few_samples_have_no_deviation():
    assert (mean([]), sample_deviation([]), sample_deviation([5.0])) == (0.0, 0.0, 0.0)
