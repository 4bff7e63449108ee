"""Models with random weights in the shapes and types of real ones: their size and speed, without a download."""

from labkit.engine.synthetic.shape import ExpertShape, Gemma4Shape, MlaShape, RecurrentShape, SyntheticShape
from labkit.engine.synthetic.sparse import write_sparse
from labkit.engine.synthetic.tiny import TINY, TinyKind, write_tiny
from labkit.engine.synthetic.writer import FORMAT_VERSION, SyntheticPlan, plan_synthetic, write_synthetic

__all__ = [
    "FORMAT_VERSION",
    "TINY",
    "ExpertShape",
    "Gemma4Shape",
    "MlaShape",
    "RecurrentShape",
    "SyntheticPlan",
    "SyntheticShape",
    "TinyKind",
    "plan_synthetic",
    "write_sparse",
    "write_synthetic",
    "write_tiny",
]
