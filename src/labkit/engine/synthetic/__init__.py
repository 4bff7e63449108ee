"""Models with random weights in the shapes and types of real ones: their size and speed, without a download."""

from labkit.engine.synthetic.shape import ExpertShape, RecurrentShape, SyntheticShape
from labkit.engine.synthetic.writer import FORMAT_VERSION, SyntheticPlan, plan_synthetic, write_synthetic

__all__ = [
    "FORMAT_VERSION",
    "ExpertShape",
    "RecurrentShape",
    "SyntheticPlan",
    "SyntheticShape",
    "plan_synthetic",
    "write_synthetic",
]
