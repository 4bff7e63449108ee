import pytest

from labkit.hardware.document import to_plain
from labkit.hardware.plain import from_plain
from labkit.hardware.profile import BandwidthMeasurement, Cpu, FactSource, ThreadBandwidth

MEASURED = BandwidthMeasurement((ThreadBandwidth(1, 2.5), ThreadBandwidth(2, 4.0)), 64, "2026-01-01", load_average=1.0)


@pytest.mark.parametrize("value", [MEASURED, Cpu(model_name="X", features=("avx",)), FactSource("measured", "here")])
def test_what_was_made_plain_comes_back(value):
    assert from_plain(type(value), to_plain(value)) == value


def test_a_whole_number_is_a_rate_too():
    assert from_plain(ThreadBandwidth, {"threads": 1, "bytes_per_second": 3}) == ThreadBandwidth(1, 3.0)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"threads": 1},
        {"threads": 1.5, "bytes_per_second": 1.0},
        {"threads": True, "bytes_per_second": 1.0},
        {"threads": 1, "bytes_per_second": "fast"},
        {"threads": 1, "bytes_per_second": True},
        {"threads": 1, "bytes_per_second": 1.0, "extra": 1},
    ],
)
def test_what_does_not_fit_is_refused(value):
    with pytest.raises(ValueError, match=r"."):
        from_plain(ThreadBandwidth, value)


def test_an_origin_is_one_of_its_words():
    with pytest.raises(ValueError, match="guessed"):
        from_plain(FactSource, {"origin": "guessed", "source": "x"})
