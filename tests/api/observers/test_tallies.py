from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as TheirHistogram

from labkit.api.observers.tallies import Counter, Histogram

BOUNDS = (0.1, 0.5, 1.0, 2.5)


def samples(family):
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in family.samples}


@given(st.lists(st.one_of(st.sampled_from(BOUNDS), st.floats(0, 10))))
def test_a_histogram_counts_as_the_librarys_own_does(values):
    ours = Histogram("seconds", "Seconds.", BOUNDS, ("model",))
    ours.add(("a",), values)
    theirs = TheirHistogram(
        "seconds", "Seconds.", ["model"], buckets=BOUNDS, registry=CollectorRegistry(auto_describe=False)
    )
    child = theirs.labels("a")
    for value in values:
        child.observe(value)
    expected = {
        key: value for family in theirs.collect() for key, value in samples(family).items() if "created" not in key[0]
    }
    assert samples(ours.family()) == expected


def test_a_counter_has_one_series_for_each_set_of_labels():
    counter = Counter("things", "Things.", ("kind",))
    counter.add(("a",))
    counter.add(("b",), 2.5)
    counter.add(("a",), 3)
    assert samples(counter.family()) == {
        ("things_total", (("kind", "a"),)): 4,
        ("things_total", (("kind", "b"),)): 2.5,
    }


def test_a_histogram_is_written_under_a_second_name_too():
    histogram = Histogram("new", "Seconds.", BOUNDS, ())
    histogram.add((), [0.3])
    assert {name.rpartition("_")[0] for name, _ in samples(histogram.family("old"))} == {"old"}
