import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.calibrations import CPU
from labkit.hardware.calibration import MOST_CORRECTION, MOST_SPREAD, refine

SHARES = {"Q4_K": 0.06, "Q6_K": 0.03, "layers": 0.01}


def predicted(device, shares=SHARES):
    """Seconds of the terms whose uncorrected seconds are `shares`."""
    return sum(seconds * device.factor(name) for name, seconds in shares.items())


def test_the_same_benchmark_again_is_predicted_better():
    measured, device, errors = 0.12, CPU, []
    for _ in range(6):
        terms = {name: seconds * device.factor(name) for name, seconds in SHARES.items()}
        errors.append(abs(math.log(measured / predicted(device))))
        device = refine(device, terms, measured / sum(terms.values()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.2 * errors[0]
    assert device.num_refinements == 6
    assert device.rates == CPU.rates  # what was measured stays as it was


def test_the_largest_term_takes_the_largest_part():
    device = refine(CPU, SHARES, 1.2)
    assert device.corrections["Q4_K"] > device.corrections["Q6_K"] > device.corrections["layers"] > 0
    assert set(device.corrections) == set(SHARES)


@pytest.mark.parametrize("ratio", [2.5, 0.3, 0.0, -1.0, math.inf, math.nan])
def test_what_cannot_be_is_left_out(ratio):
    assert refine(CPU, SHARES, ratio) is CPU


def test_no_terms_teach_nothing():
    assert refine(CPU, {}, 1.1) is CPU


@given(st.lists(st.floats(0.5, 2.0), max_size=60))
def test_no_row_of_benchmarks_moves_a_term_out_of_bounds(ratios):
    device = CPU
    for ratio in ratios:
        device = refine(device, SHARES, ratio)
    assert all(abs(moved) <= MOST_CORRECTION for moved in device.corrections.values())
    assert 0.1 <= device.spread <= MOST_SPREAD


def test_one_outlier_among_good_ones_changes_little():
    device = CPU
    for ratio in (1.0, 1.01, 0.99, 1.9, 1.0, 1.02, 0.98):
        device = refine(device, SHARES, ratio)
    assert predicted(device) == pytest.approx(predicted(CPU), rel=0.25)


def test_the_spread_follows_the_errors_that_are_seen():
    wide = narrow = replace(CPU, spread=0.25)
    for _ in range(10):
        wide, narrow = refine(wide, SHARES, 1.35), refine(narrow, SHARES, 1.02)
    assert narrow.spread < 0.25 < wide.spread
