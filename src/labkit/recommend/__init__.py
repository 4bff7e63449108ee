"""Which known model to run on a machine, and why."""

from labkit.recommend.document import explanation_document, ranking_document
from labkit.recommend.embedded import embedded_recommendation
from labkit.recommend.evidence import best_score
from labkit.recommend.explain import Explanation, explain
from labkit.recommend.goals import BENCHMARKS, GOALS, Goal
from labkit.recommend.naming import find_named
from labkit.recommend.order import order_models
from labkit.recommend.ranking import Dropped, Ranking, Recommendation, rank
from labkit.recommend.terms import Term
from labkit.recommend.why_not import why_not
from labkit.recommend.wish import Wish, default_context, not_made_for

__all__ = [
    "BENCHMARKS",
    "GOALS",
    "Dropped",
    "Explanation",
    "Goal",
    "Ranking",
    "Recommendation",
    "Term",
    "Wish",
    "best_score",
    "default_context",
    "embedded_recommendation",
    "explain",
    "explanation_document",
    "find_named",
    "not_made_for",
    "order_models",
    "rank",
    "ranking_document",
    "why_not",
]
