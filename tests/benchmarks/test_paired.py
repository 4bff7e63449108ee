import pytest

from paired import Bar, Comparison, Fact, rounds


@pytest.mark.parametrize(
    ("bar", "met", "missed"),
    [(Bar(">=", 0.97), 0.97, 0.9699), (Bar("<=", 0.3), 0.3, 0.3001), (Bar("within", 0.97, 1.03), 1.03, 1.0301)],
)
def test_bars(bar, met, missed):
    def verdict(ratio):
        return Comparison("work", "tokens/s", "peer", [ratio], [1.0], bar).verdict

    assert (verdict(met), verdict(missed)) == ("PASS", "MISS")


def test_the_ratio_is_the_median_of_the_rounds_ratios_and_not_the_ratio_of_medians():
    row = Comparison("work", "tokens/s", "peer", ours=[10, 20, 90], theirs=[20, 20, 30], bar=Bar(">=", 1.0))
    assert (row.ratio, row.verdict) == (1.0, "PASS")
    assert (row.as_row()["ratio_min"], row.as_row()["ratio_max"]) == (0.5, 3.0)


def test_without_a_bar_nothing_is_judged():
    assert Comparison("work", "tokens/s", "peer", [1.0], [2.0]).verdict == ""
    assert Fact("work", "valid 3 of 4", False).as_row()["verdict"] == "MISS"


def test_every_side_has_its_turn_in_each_round_and_each_goes_first_once(capsys):
    turns = list(rounds(3, ("a", "b", "c")))
    assert [[side for number, side in turns if number == which] for which in range(3)] == [
        ["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"],
    ]  # fmt: skip
    assert capsys.readouterr().out == ""
