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

from labkit.catalog import Catalog, CatalogModel, Family, Score
from labkit.recommend.goals import BENCHMARKS, Goal

NOT_SMALLER = 0.8  # of the parameters: 35B-A3B replaces 27B, 4B does not replace 9B
LARGER = 1.25
MEASURED = 2  # weight of a measured difference; that of a later generation is 1


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


@dataclass(frozen=True, slots=True)
class _Column:
    """A model's scores in one benchmark: the lowest of each source, and the lowest that no rival measured."""

    by_source: dict[str, Score]
    own: Score | None


class Judge:
    """Compares models for one goal. Pure; the scores of all models are sorted once."""

    def __init__(self, models: Iterable[CatalogModel], goal: Goal, catalog: Catalog) -> None:
        rows = tuple(models)
        names = [benchmark.name for benchmark in BENCHMARKS[goal]]
        self._noises = [benchmark.noise for benchmark in BENCHMARKS[goal]]
        self._families = {model.id: catalog.family(model) for model in rows}
        self._columns = {model.id: _columns(model, names) for model in rows}

    def compare(self, first: CatalogModel, second: CatalogModel) -> Verdict:
        """Which one is better, by the rule of this module, and why."""
        pair = self._telling_pair(first, second)
        return _by_benchmark(*pair) if pair else self._by_lineage(first, second) or NEITHER

    def balance(self, first: CatalogModel, second: CatalogModel) -> int:
        """Balance times weight of `compare`, without the words: an order asks for thousands."""
        if pair := self._telling_pair(first, second):
            return MEASURED if pair[0].value > pair[1].value else -MEASURED
        verdict = self._by_lineage(first, second)
        return verdict.balance * verdict.weight if verdict else 0

    def share_a_benchmark(self, first: CatalogModel, second: CatalogModel) -> bool:
        """Whether anything measured compares the two, even if it does not tell them apart."""
        mine, theirs = self._columns[first.id], self._columns[second.id]
        return any(_like_for_like(column, theirs[place]) for place, column in mine.items() if place in theirs)

    def _telling_pair(self, first: CatalogModel, second: CatalogModel) -> tuple[Score, Score] | None:
        """Scores of the first benchmark that tells the two apart."""
        theirs = self._columns[second.id]
        for index, column in self._columns[first.id].items():
            other = theirs.get(index)
            if other is not None and (pair := _like_for_like(column, other)):
                difference = pair[0].value - pair[1].value
                if abs(difference) > self._noises[index]:
                    return pair
        return None

    def _by_lineage(self, first: CatalogModel, second: CatalogModel) -> Verdict | None:
        mine, theirs = self._families[first.id], self._families[second.id]
        return _by_lineage(first, second, mine, theirs) if mine.lineage == theirs.lineage else None


def _columns(model: CatalogModel, names: list[str]) -> dict[int, _Column]:
    """Its columns by the benchmark's place, the most telling one first; none for what it has no score in."""
    found = ((place, scores_of(model, name)) for place, name in enumerate(names))
    return {place: _column(scores) for place, scores in found if scores}


def _column(scores: tuple[Score, ...]) -> _Column:
    by_source: dict[str, Score] = {}
    for score in sorted(scores, key=lambda score: -score.value):
        by_source[score.source.split(" ")[0]] = score
    own = [score for score in scores if score.harness is None]
    return _Column(by_source, _lowest(own) if own else None)


def _like_for_like(mine: _Column, theirs: _Column) -> tuple[Score, Score] | None:
    """A score of each: of one source if there is one, else the lowest of each that no rival measured; else None."""
    for source, score in mine.by_source.items():
        if source in theirs.by_source:
            return score, theirs.by_source[source]
    return (mine.own, theirs.own) if mine.own and theirs.own else None


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


def _by_benchmark(mine: Score, theirs: Score) -> Verdict:
    better, worse = (mine, theirs) if mine.value > theirs.value else (theirs, mine)
    words = f"{better.benchmark} {better.value:g} against {worse.value:g}"
    return Verdict(1 if better is mine else -1, MEASURED, words)


def _by_lineage(first: CatalogModel, second: CatalogModel, mine: Family, theirs: Family) -> Verdict | None:
    sizes = num_parameters(first), num_parameters(second)
    if not all(sizes):
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
