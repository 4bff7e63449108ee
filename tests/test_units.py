import pytest

from labkit import units
from labkit.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1024", 1024),
        ("4GiB", 4 * 1024**3),
        ("2 GB", 2_000_000_000),
        ("1.5k", 1536),
        ("512MiB", 512 * 1024**2),
    ],
)
def test_parse_bytes(text, expected):
    assert units.parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "GiB", "-1", "4 apples", "1e9"])
def test_parse_bytes_refuses(text):
    with pytest.raises(InputError, match="is not a size"):
        units.parse_bytes(text)


@pytest.mark.parametrize(
    ("num_bytes", "expected"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (25 * 1024**3, "25.0 GiB")]
)
def test_render_bytes(num_bytes, expected):
    assert units.render_bytes(num_bytes) == expected


def test_a_range_that_reads_as_one_size_is_one():
    assert units.render_byte_range(1024, 2048) == "1.0 KiB to 2.0 KiB"
    assert units.render_byte_range(5 * 1024**3, 5 * 1024**3 + 1) == "5.0 GiB"


def test_render_rates_and_durations():
    assert units.render_tokens_per_second(3270.4) == "3,270 tok/s"
    assert units.render_tokens_per_second(57.31) == "57.3 tok/s"
    assert units.render_bandwidth(23.4e9) == "23.4 GB/s"
    assert units.render_bandwidth(38e6) == "38 MB/s"
    assert [units.render_seconds(s) for s in (0.84, 3.14, 125)] == ["840 ms", "3.1 s", "2 min 05 s"]
