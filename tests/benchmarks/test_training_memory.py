"""The estimator still agrees with the training runs whose peaks are kept beside the benchmarks."""

import json

from training_memory import OVER, RESULTS, UNDER, cases, describe, predict, summary

ROWS = json.loads((RESULTS / "training_memory.json").read_text())["rows"]
KEPT = {(row["shape"], row["setting"]): row for row in ROWS}
CASES = {(case.shape, describe(case.settings)): case for case in cases(quick=False)}


def test_every_kept_measurement_belongs_to_a_case():
    assert len(ROWS) >= 15
    assert KEPT.keys() <= CASES.keys()


def test_predictions_are_within_the_bars_of_what_was_measured():
    rows = [predict(CASES[key], measured) for key, measured in KEPT.items()]
    found = summary(rows)
    assert found["worst_under"] >= UNDER
    assert 0 <= found["median_error"] <= OVER
