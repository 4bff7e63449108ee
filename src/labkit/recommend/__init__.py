"""Which known model to run on a machine, for a goal, and why."""

from labkit.recommend.order import GOALS, Goal, best_score, order_by_score
from labkit.recommend.ranking import (
    DEFAULT_CONTEXT_TOKENS,
    DEFAULT_TOP,
    LEAST_TOKENS_PER_SECOND,
    Dropped,
    Ranking,
    Recommendation,
    Wish,
    embedded_recommendation,
    rank,
)

__all__ = [
    "DEFAULT_CONTEXT_TOKENS",
    "DEFAULT_TOP",
    "GOALS",
    "LEAST_TOKENS_PER_SECOND",
    "Dropped",
    "Goal",
    "Ranking",
    "Recommendation",
    "Wish",
    "best_score",
    "embedded_recommendation",
    "order_by_score",
    "rank",
]
