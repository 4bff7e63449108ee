"""Which model is better for a goal, from published scores alone. Nothing is averaged and nothing invented.

The goal's first benchmark is the backbone: models that have it stand in its order. A model without it is put where
it contradicts the fewest of those already placed, judged pair by pair over every benchmark that both have. What no
source shows is not assumed: between equally good places it takes the later one.
"""

from typing import Literal, get_args

from labkit.catalog import CatalogModel, Score

Goal = Literal["chat", "code", "tools", "reasoning", "embedding"]
GOALS: tuple[Goal, ...] = get_args(Goal)

BENCHMARKS: dict[Goal, tuple[str, ...]] = {
    "chat": ("MMLU-Pro", "Arena text score", "GPQA Diamond"),
    "code": ("LiveCodeBench v6", "SWE-bench Verified", "LiveCodeBench"),
    "tools": ("IFEval", "BFCLv3", "BFCL-V4", "SWE-bench Verified", "MMLU-Pro"),
    "reasoning": ("GPQA Diamond", "GPQA", "MMLU-Pro", "LiveCodeBench v6"),
    "embedding": ("MTEB eng v2 mean(task)", "MTEB multilingual mean(task)"),
}


def order_by_score(models: list[CatalogModel], goal: Goal) -> list[CatalogModel]:
    """Best first; models without any score of the goal last, the newest first."""
    placed: list[CatalogModel] = []
    left = sorted(models, key=lambda model: (model.release_date or "", model.id), reverse=True)
    for benchmark in BENCHMARKS[goal]:
        having = [model for model in left if score_of(model, benchmark)]
        having.sort(key=lambda model: _value(model, benchmark), reverse=True)
        if not placed:
            placed = having
        else:
            for model in having:
                placed.insert(_best_place(model, placed, goal), model)
        left = [model for model in left if model not in having]
    return [*placed, *left]


def best_score(model: CatalogModel, goal: Goal) -> Score | None:
    """The score to show: of the most telling benchmark of the goal that the model has."""
    scores = (score_of(model, benchmark) for benchmark in BENCHMARKS[goal])
    return next(filter(None, scores), None)


def score_of(model: CatalogModel, benchmark: str) -> Score | None:
    """A model's score; the lowest where sources differ."""
    return min(scores_of(model, benchmark), key=lambda score: score.value, default=None)


def scores_of(model: CatalogModel, benchmark: str) -> tuple[Score, ...]:
    """Every score of a benchmark, however its name is written."""
    return tuple(score for score in model.scores if is_same_benchmark(score.benchmark, benchmark))


def is_same_benchmark(first: str, second: str) -> bool:
    """Whether two spellings name one benchmark ("BFCL-v3" and "BFCLv3")."""
    return first.casefold().replace("-", "") == second.casefold().replace("-", "")


def _value(model: CatalogModel, benchmark: str) -> float:
    score = score_of(model, benchmark)
    return score.value if score else float("-inf")


def _best_place(model: CatalogModel, placed: list[CatalogModel], goal: Goal) -> int:
    verdicts = [_verdict(model, other, goal) for other in placed]

    def contradictions(place: int) -> int:
        return sum(verdict > 0 for verdict in verdicts[:place]) + sum(verdict < 0 for verdict in verdicts[place:])

    return min(range(len(placed) + 1), key=lambda place: (contradictions(place), -place))


def _verdict(model: CatalogModel, other: CatalogModel, goal: Goal) -> int:
    """Benchmarks in which `model` beats `other`, less those in which it loses, over all that both have."""
    balance = 0
    for benchmark in BENCHMARKS[goal]:
        mine, theirs = score_of(model, benchmark), score_of(other, benchmark)
        if mine and theirs:
            balance += (mine.value > theirs.value) - (mine.value < theirs.value)
    return balance
