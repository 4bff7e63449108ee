"""Which known model to run on a machine, and why.

`labkit.recommend.explain` and `labkit.recommend.why_not` answer questions about one model; they are imported on their
own, because a plain recommendation needs neither.
"""

from labkit.recommend.document import ranking_document
from labkit.recommend.embedded import embedded_recommendation
from labkit.recommend.evidence import best_score
from labkit.recommend.goals import BENCHMARKS, GOALS, Goal, parse_goal
from labkit.recommend.naming import find_named
from labkit.recommend.order import order_models
from labkit.recommend.ranking import Dropped, Ranking, Recommendation, rank
from labkit.recommend.wish import Wish, default_context, not_made_for

__all__ = [
    "BENCHMARKS",
    "GOALS",
    "Dropped",
    "Goal",
    "Ranking",
    "Recommendation",
    "Wish",
    "best_score",
    "default_context",
    "embedded_recommendation",
    "find_named",
    "not_made_for",
    "order_models",
    "parse_goal",
    "rank",
    "ranking_document",
]
