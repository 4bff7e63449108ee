"""The order of models comes from comparisons of two, and never compares across benchmarks."""

import itertools

import pytest

from labkit.catalog import Catalog, CatalogModel, Family, Score, load_catalog
from labkit.recommend import BENCHMARKS, GOALS, best_score, order_models
from labkit.recommend.evidence import Judge, scores_of
from labkit.recommend.order import reorder

NAMES = {"arena": "Arena text score", "pro": "MMLU-Pro", "gpqa": "GPQA Diamond"}
SHIPPED = load_catalog()


def model(model_id, release_date=None, family=None, billions=None, **scores):
    rows = tuple(Score(NAMES[name], value, "test") for name, value in scores.items())
    return CatalogModel(
        model_id, family or model_id, "mit", ("chat",), release_date=release_date, scores=rows,
        num_parameters=billions and round(billions * 1e9),
    )  # fmt: skip


def catalog(*models, families=None):
    return Catalog(models, {}, "2026-01-01", families or {})


def order(*models, families=None):
    return [found.id for found in order_models(models, "chat", catalog(*models, families=families))]


def test_one_benchmark_orders_by_its_value():
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


def test_what_shares_nothing_proves_nothing():
    placed = [model("a", pro=90), model("b", pro=10)]
    assert order(*placed, model("new", gpqa=99)) == ["a", "b", "new"]


def test_unscored_models_come_last_and_the_newest_of_them_first():
    models = [model("old", "2024-01-01"), model("undated"), model("new", "2026-01-01"), model("scored", pro=1)]
    assert order(*models) == ["scored", "new", "old", "undated"]


FAMILIES = {"old": Family("line", 1), "new": Family("line", 2)}


def test_a_later_generation_goes_first_for_want_of_a_shared_benchmark():
    rows = [model("was", family="old", billions=9, pro=70), model("is", family="new", billions=9, gpqa=50)]
    assert order(*rows, families=FAMILIES) == ["is", "was"]


def test_a_later_generation_does_not_beat_one_of_three_times_its_size():
    rows = [model("was", family="old", billions=30, pro=70), model("is", family="new", billions=9)]
    assert order(*rows, families=FAMILIES) == ["was", "is"]


def test_a_measured_difference_goes_before_the_generation():
    rows = [model("was", family="old", billions=9, pro=80), model("is", family="new", billions=9, pro=60)]
    assert order(*rows, families=FAMILIES) == ["was", "is"]


def test_a_difference_within_the_noise_leaves_it_to_the_next_benchmark():
    first, second = model("first", pro=85.2, gpqa=70), model("second", pro=85.9, gpqa=80)
    assert order(first, second) == ["second", "first"]
    verdict = Judge([first, second], "chat", catalog(first, second)).compare(second, first)
    assert (verdict.balance, verdict.why) == (1, "GPQA Diamond 80 against 70")


def test_the_larger_one_of_a_generation_goes_first_unless_the_other_came_later():
    large = model("large", "2025-04-01", "old", 8)
    assert order(model("small", "2025-04-01", "old", 1), large, families=FAMILIES) == ["large", "small"]
    later = model("later", "2025-08-01", "old", 4, pro=60)
    assert order(large, later, families=FAMILIES) == ["later", "large"]


def test_scores_of_one_source_are_compared_before_the_lowest_of_each():
    first = model("first")
    rows = (Score("MMLU-Pro", 60, "@theirs"), Score("MMLU-Pro", 75, "@table"))
    first = CatalogModel("first", "first", "mit", ("chat",), scores=rows)
    second = CatalogModel("second", "second", "mit", ("chat",), scores=(Score("MMLU-Pro", 70, "@table"),))
    assert order(first, second) == ["first", "second"]


def test_what_a_rival_measured_counts_in_the_rivals_table_only():
    rival = Score("MMLU-Pro", 20, "@rival", harness="Rival")
    first = CatalogModel("first", "first", "mit", ("chat",), scores=(rival,))
    second = CatalogModel("second", "second", "mit", ("chat",), scores=(Score("MMLU-Pro", 50, "@own"),))
    judge = Judge([first, second], "chat", catalog(first, second))
    assert judge.compare(first, second).balance == 0
    same = CatalogModel("same", "same", "mit", ("chat",), scores=(Score("MMLU-Pro", 50, "@rival"),))
    assert Judge([first, same], "chat", catalog(first, same)).compare(same, first).balance == 1


def test_a_sister_models_score_ranks_nothing():
    assert scores_of(SHIPPED.get("ministral-3-14b-instruct-2512"), "GPQA Diamond") == ()
    assert best_score(SHIPPED.get("ministral-3-14b-instruct-2512"), "reasoning") is None


@pytest.mark.parametrize("goal", GOALS)
def test_the_order_does_not_depend_on_the_order_of_the_rows(goal):
    models = list(SHIPPED.models)
    assert order_models(models, goal, SHIPPED) == order_models(models[::-1], goal, SHIPPED)


@pytest.mark.parametrize("goal", GOALS)
def test_no_two_neighbours_of_a_reordered_list_stand_against_their_comparison(goal):
    rows = reorder(list(SHIPPED.models), goal, SHIPPED)
    judge = Judge(rows, goal, SHIPPED)
    assert len(rows) == len(SHIPPED.models)
    assert all(judge.compare(first, second).balance >= 0 for first, second in itertools.pairwise(rows))


def test_where_sources_differ_the_lowest_is_shown():
    found = best_score(SHIPPED.get("gpt-oss-20b"), "code")
    assert (found.benchmark, found.value) == ("LiveCodeBench v6", 61.0)


@pytest.mark.parametrize("goal", GOALS)
def test_every_goal_has_benchmarks_that_models_have(goal):
    assert all(benchmark.noise > 0 for benchmark in BENCHMARKS[goal])
    assert sum(best_score(row, goal) is not None for row in SHIPPED.models) >= 4


@pytest.mark.parametrize(
    ("goal", "better", "worse"),
    [
        ("chat", "qwen3.5-4b", "llama-3.2-3b-instruct"),
        ("chat", "gemma-4-e4b-it", "gemma-3-4b-it"),
        ("chat", "gemma-4-31b-it", "gemma-3-27b-it"),
        ("chat", "qwen3.5-9b", "llama-3.1-8b-instruct"),
        ("code", "qwen3.8-27b", "qwen3-32b"),
        ("code", "gpt-oss-20b", "qwen2.5-coder-7b-instruct"),
        ("reasoning", "qwen3.6-27b", "deepseek-r1-distill-qwen-14b"),
        ("tools", "glm-4.7-flash", "llama-3.2-3b-instruct"),
        ("vision", "qwen3.5-4b", "gemma-3-12b-it"),
        ("embedding", "qwen3-embedding-0.6b", "nomic-embed-text-v1.5"),
    ],
)
def test_what_the_field_agrees_on(goal, better, worse):
    ids = [row.id for row in order_models(list(SHIPPED.models), goal, SHIPPED)]
    assert ids.index(better) < ids.index(worse)
