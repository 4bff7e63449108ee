import pytest

from labkit.hardware.probes.text import core_list, decimal, first_line, key_values, number, size, without_cut_line


@pytest.mark.parametrize(
    ("text", "cores"), [("0-3,8", {0, 1, 2, 3, 8}), ("5", {5}), ("", None), ("a-b", None), ("0-9999999999", None)]
)
def test_core_lists(text, cores):
    assert core_list(text) == (None if cores is None else frozenset(cores))


def test_numbers():
    assert [number(text) for text in ("12", "0x1f", " 7\n", "x", None, "9" * 30)] == [12, 31, 7, None, None, None]
    assert [decimal(text) for text in ("1.5", "nan", "inf", "")] == [1.5, None, None, None]
    assert [size(text) for text in ("32768K", "1M", "512", "1X")] == [32768 * 1024, 1024**2, 512, None]


def test_lines():
    assert key_values("a: 1\na: 2\nplain\nb:3") == {"a": "1", "b": "3"}
    assert first_line("\n \x1b[31m\n  real text \x07\nmore") == "[31m"
    assert first_line("\n\n  real\x07 text\n") == "real text"


@pytest.mark.parametrize(
    ("text", "kept"), [("a: 1\nb: 2\n", "a: 1\nb: 2\n"), ("a: 1\nb: 23", "a: 1\n"), ("a: 1", ""), ("", ""), (None, "")]
)
def test_a_last_line_without_its_end_is_left_out(text, kept):
    assert without_cut_line(text) == kept
