"""Getting models: from a name to a model in the store, checked. The commands call this and nothing below it."""

from labkit.pull.admit import Provenance, Refusal, admit
from labkit.pull.fetch import PullProgress, carry_out
from labkit.pull.plan import PullPlan, Wanted, find_wanted, make_plan
from labkit.pull.trial import TrialResult, try_model

__all__ = [
    "Provenance",
    "PullPlan",
    "PullProgress",
    "Refusal",
    "TrialResult",
    "Wanted",
    "admit",
    "carry_out",
    "find_wanted",
    "make_plan",
    "try_model",
]
