"""Which of two models is the better one for a goal, and what shows it. Nothing is averaged and nothing invented.

The rule, in this order:

1. **The first benchmark of the goal that both have and that tells them apart.** Scores of one source (one table, one
   harness) are compared where both stand in it, else the lowest of each; what the maker of another model measured
   counts within that maker's table only. A difference within the benchmark's noise tells nothing, and the next
   benchmark is asked. Scores of a sister model ("Reasoning variant") are not its own.
2. **A later generation of the same lineage**, when it is not smaller. Qwen 3.8 27B goes before Qwen 3.5 27B without a
   shared benchmark; it does not go before an older model of three times its size.
3. **The larger one of a generation**, unless the smaller one is the later release, or uses more of itself per token.

Where none of these says anything, nothing is said.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from labkit.catalog import Catalog, CatalogModel, Score
from labkit.recommend.goals import BENCHMARKS, Goal

NOT_SMALLER = 0.8  # of the parameters: 35B-A3B replaces 27B, 4B does not replace 9B
LARGER = 1.25


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which of two models goes first: `balance` is 1 for the first, -1 for the second, 0 for neither.

    Attributes:
        weight: a measured difference weighs more than a later generation.
        why: in words, from the view of the one that goes first.
    """

    balance: int
    weight: int = 0
    why: str = ""


NEITHER = Verdict(0)


class Judge:
    """Compares models for one goal. Pure; the scores of all models are sorted once."""

    def __init__(self, models: Iterable[CatalogModel], goal: Goal, catalog: Catalog) -> None:
        self._catalog = catalog
        self._benchmarks = [(index, benchmark.noise) for index, benchmark in enumerate(BENCHMARKS[goal])]
        names = [benchmark.name for benchmark in BENCHMARKS[goal]]
        self._scores = {model.id: [scores_of(model, name) for name in names] for model in models}

    def compare(self, first: CatalogModel, second: CatalogModel) -> Verdict:
        """Which one is better, by the rule of this module."""
        mine, theirs = self._scores[first.id], self._scores[second.id]
        for index, noise in self._benchmarks:
            if mine[index] and theirs[index]:
                pair = like_for_like(mine[index], theirs[index])
                if pair and abs(pair[0].value - pair[1].value) > noise:
                    return _by_benchmark(*pair)
        return _by_lineage(first, second, self._catalog) or NEITHER


def like_for_like(mine: tuple[Score, ...], theirs: tuple[Score, ...]) -> tuple[Score, Score] | None:
    """A score of each: of one source if there is one, else the lowest of each that no rival measured; else None."""
    for score in mine:
        same = [other for other in theirs if _source(other) == _source(score)]
        if same:
            return _lowest([row for row in mine if _source(row) == _source(score)]), _lowest(same)
    own, others = ([row for row in rows if row.harness is None] for rows in (mine, theirs))
    return (_lowest(own), _lowest(others)) if own and others else None


def scores_of(model: CatalogModel, benchmark: str) -> tuple[Score, ...]:
    """Every score of a benchmark that is the model's own, however the benchmark's name is written."""
    wanted = _letters(benchmark)
    return tuple(score for score in model.scores if _letters(score.benchmark) == wanted and score.variant is None)


def best_score(model: CatalogModel, goal: Goal) -> Score | None:
    """The score to show: of the most telling benchmark of the goal that the model has; the lowest of several."""
    for benchmark in BENCHMARKS[goal]:
        if found := scores_of(model, benchmark.name):
            return _lowest(found)
    return None


def num_parameters(model: CatalogModel) -> int:
    """Of the language model, else of the whole repository; 0 when neither is known."""
    return model.num_text_parameters or model.num_parameters or 0


def _lowest(scores: Iterable[Score]) -> Score:
    return min(scores, key=lambda score: score.value)


@lru_cache
def _letters(name: str) -> str:
    return name.casefold().replace("-", "").replace(" ", "")


def _source(score: Score) -> str:
    return score.source.split(" ")[0]


def _by_benchmark(mine: Score, theirs: Score) -> Verdict:
    better, worse = (mine, theirs) if mine.value > theirs.value else (theirs, mine)
    words = f"{better.benchmark} {better.value:g} against {worse.value:g}"
    return Verdict(1 if better is mine else -1, 2, words)


def _by_lineage(first: CatalogModel, second: CatalogModel, catalog: Catalog) -> Verdict | None:
    mine, theirs = catalog.family(first), catalog.family(second)
    sizes = num_parameters(first), num_parameters(second)
    if mine.lineage != theirs.lineage or not all(sizes):
        return None
    if mine.generation != theirs.generation:
        newer_is_first = mine.generation > theirs.generation
        ratio = sizes[0] / sizes[1] if newer_is_first else sizes[1] / sizes[0]
        if ratio < NOT_SMALLER:
            return None
        return Verdict(1 if newer_is_first else -1, 1, "a later generation of the same lineage")
    return _by_size(first, second) or _by_date(first, second)


def _by_size(first: CatalogModel, second: CatalogModel) -> Verdict | None:
    large, small = (first, second) if num_parameters(first) >= num_parameters(second) else (second, first)
    if num_parameters(large) < LARGER * num_parameters(small) or _active(large) < _active(small):
        return None
    if (small.release_date or "") > (large.release_date or "9"):
        return None
    return Verdict(1 if large is first else -1, 1, "the larger one of its generation")


def _by_date(first: CatalogModel, second: CatalogModel) -> Verdict | None:
    dates = first.release_date, second.release_date
    if not all(dates) or dates[0] == dates[1] or not _alike(first, second):
        return None
    return Verdict(1 if str(dates[0]) > str(dates[1]) else -1, 1, "the later release of its generation")


def _alike(first: CatalogModel, second: CatalogModel) -> bool:
    ratio = num_parameters(first) / num_parameters(second)
    return min(ratio, 1 / ratio) >= NOT_SMALLER


def _active(model: CatalogModel) -> int:
    return model.num_active_parameters or num_parameters(model)
