"""The order of models comes from published scores alone, and never compares across benchmarks."""

import pytest

from labkit.catalog import CatalogModel, Score, load_catalog
from labkit.recommend import GOALS, best_score, order_by_score


def model(model_id, release_date=None, **scores):
    names = {"pro": "MMLU-Pro", "arena": "Arena text score", "gpqa": "GPQA Diamond"}
    rows = tuple(Score(names[name], value, "test") for name, value in scores.items())
    return CatalogModel(model_id, model_id, "mit", ("chat",), release_date=release_date, scores=rows)


def order(*models):
    return [found.id for found in order_by_score(list(models), "chat")]


def test_the_backbone_orders_by_its_value():
    assert order(model("low", pro=10), model("high", pro=90), model("mid", pro=50)) == ["high", "mid", "low"]


def test_a_model_without_it_is_placed_by_what_it_shares():
    placed = [
        model("high", pro=90, arena=1400),
        model("mid", pro=50, arena=1300),
        model("low", pro=10, arena=1200),
    ]
    assert order(*placed, model("new", arena=1350)) == ["high", "new", "mid", "low"]
    assert order(*placed, model("new", arena=1500))[0] == "new"
    assert order(*placed, model("new", arena=1000))[-1] == "new"


def test_every_shared_benchmark_has_a_voice():
    placed = [model("a", pro=90, arena=1450, gpqa=80), model("b", pro=80, arena=1400)]
    # Below "a" by one benchmark and above it by another: above "b" is all that is shown.
    assert order(*placed, model("new", arena=1440, gpqa=90)) == ["a", "new", "b"]


def test_a_score_that_nobody_shares_proves_nothing():
    placed = [model("a", pro=90), model("b", pro=10)]
    assert order(*placed, model("new", gpqa=99)) == ["a", "b", "new"]


def test_unscored_models_come_last_and_the_newest_of_them_first():
    models = [model("old", "2024-01-01"), model("undated"), model("new", "2026-01-01"), model("scored", pro=1)]
    assert order(*models) == ["scored", "new", "old", "undated"]


def test_the_order_does_not_depend_on_the_order_of_the_rows():
    models = [row for row in load_catalog().models if "chat" in row.capabilities]
    assert order_by_score(models, "chat") == order_by_score(models[::-1], "chat")


def test_where_sources_differ_the_lowest_counts():
    found = best_score(load_catalog().get("gpt-oss-20b"), "code")
    assert (found.benchmark, found.value) == ("LiveCodeBench v6", 61.0)


@pytest.mark.parametrize("goal", GOALS)
def test_the_backbone_is_never_contradicted(goal):
    ordered = order_by_score(list(load_catalog().models), goal)
    from labkit.recommend.order import BENCHMARKS, score_of

    values = [score_of(row, BENCHMARKS[goal][0]).value for row in ordered if score_of(row, BENCHMARKS[goal][0])]
    assert len(values) >= 3
    assert values == sorted(values, reverse=True)
