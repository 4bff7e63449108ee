from dataclasses import replace

import pytest

from fakes.calibrations import CPU, calibration
from labkit.bench import CoreBench, CoreTest, MachineLimits, predicted, run_core_bench
from labkit.bench.prediction import learned
from labkit.estimate import Machine, predict_decode, weights_of_file
from labkit.gguf import file_facts, read_header
from labkit.resources import embedded_model

FACTS = file_facts(read_header(embedded_model()))
LIMITS = MachineLimits(30e9, 1000)  # a cache that the model does not fit


@pytest.fixture(scope="module")
def records():
    tests = (CoreTest(16, 0), CoreTest(0, 4), CoreTest(0, 4, 8), CoreTest(16, 4))
    return list(run_core_bench(embedded_model(), CoreBench(tests, repetitions=2, num_threads=1, limits=LIMITS)))


def kept(**device):
    return calibration(replace(CPU, **({"threads": 1} | device)), core_build=None)


def taking(record, seconds_per_token):
    """The record as if each generated token had taken that long."""
    return replace(record, samples_ns=(round(1e9 * seconds_per_token * record.test.num_generated),) * 2)


def test_each_record_has_what_the_estimator_says(records):
    prompt, decode, deep, both = (record.predicted for record in predicted(records, FACTS, kept(), LIMITS))
    machine = Machine(None, calibration=kept().devices[0])
    assert decode == predict_decode(FACTS.architecture, weights_of_file(FACTS), machine, depth=2)
    assert deep == predict_decode(FACTS.architecture, weights_of_file(FACTS), machine, depth=10)
    assert deep.likely < decode.likely
    assert prompt.confidence == "calibrated"
    assert both is None  # prompt and generation in one have no speed of their own


def test_rows_carry_the_prediction(records):
    decode = predicted(records, FACTS, kept(), LIMITS)[1]
    row = decode.as_row()
    assert row["labkit_predicted_low_ts"] < row["labkit_predicted_ts"] < row["labkit_predicted_high_ts"]
    assert row["labkit_prediction"] == "calibrated"
    assert records[0].as_row()["labkit_prediction"] == "unknown"


def test_other_threads_were_not_calibrated(records):
    assert all(record.predicted is None for record in predicted(records, FACTS, kept(threads=4), LIMITS))
    assert learned(kept(threads=4), records, FACTS) == kept(threads=4)


def test_without_a_calibration_the_bandwidth_predicts(records):
    prompt, decode, *_ = predicted(records, FACTS, None, LIMITS)
    assert (prompt.predicted, decode.predicted.confidence) == (None, "measured bandwidth")
    assert all(record.predicted is None for record in predicted(records, FACTS, None, MachineLimits()))


def test_a_benchmark_moves_the_next_prediction_towards_it(records):
    decode, before = records[1], kept()
    wrong = predicted([decode], FACTS, before, LIMITS)[0].predicted.likely
    slower = taking(decode, 1.2 / wrong)
    better = predicted([decode], FACTS, learned(before, [slower], FACTS), LIMITS)[0].predicted.likely
    assert wrong / 1.2 < better < wrong
    again = learned(learned(before, [slower], FACTS), [slower], FACTS)
    assert predicted([decode], FACTS, again, LIMITS)[0].predicted.likely < better


def test_what_says_nothing_of_memory_teaches_nothing(records):
    prompt, decode = records[0], records[1]
    in_cache = replace(decode, bandwidth=replace(decode.bandwidth, fits_cache=True))
    assert learned(kept(), [prompt, records[3], in_cache], FACTS) == kept()
    other_build = replace(kept(), core_build="another")
    assert learned(other_build, [decode], FACTS) == other_build


def test_a_disturbed_benchmark_is_left_out(records):
    wrong = predicted([records[1]], FACTS, kept(), LIMITS)[0].predicted.likely
    assert learned(kept(), [taking(records[1], 5 / wrong)], FACTS) == kept()
