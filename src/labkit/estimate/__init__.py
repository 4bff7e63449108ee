"""The estimator: memory, speed and placement. Every other part asks it; there is no second formula anywhere.

What only `tune`, `serve` and `models show` ask is loaded when it is used: `recommend` answers within a second.
"""

from typing import TYPE_CHECKING

from labkit.estimate.machine import Device, Machine, machine_from_profile
from labkit.estimate.memory import ContextSettings, cache_bytes, compute_bytes, missing_facts
from labkit.estimate.partial import EnginePlan
from labkit.estimate.placement import MemoryEstimate, Placement, estimate_memory, place
from labkit.estimate.predict import predict_decode, predict_prefill
from labkit.estimate.speed import Speed, decode_speed
from labkit.estimate.weights import Weights, weights_of_catalog, weights_of_file
from labkit.lazy import lazy_names

if TYPE_CHECKING:
    from labkit.estimate.require import needed_bytes, require_memory
    from labkit.estimate.training import (
        FittedTraining,
        TrainingEstimate,
        TrainingSettings,
        largest_that_fits,
        training_memory,
    )
    from labkit.estimate.trust import ModelEstimate, estimate_contexts, estimate_model

__all__ = [
    "ContextSettings",
    "Device",
    "EnginePlan",
    "FittedTraining",
    "Machine",
    "MemoryEstimate",
    "ModelEstimate",
    "Placement",
    "Speed",
    "TrainingEstimate",
    "TrainingSettings",
    "Weights",
    "cache_bytes",
    "compute_bytes",
    "decode_speed",
    "estimate_contexts",
    "estimate_memory",
    "estimate_model",
    "largest_that_fits",
    "machine_from_profile",
    "missing_facts",
    "needed_bytes",
    "place",
    "predict_decode",
    "predict_prefill",
    "require_memory",
    "training_memory",
    "weights_of_catalog",
    "weights_of_file",
]

__getattr__ = lazy_names(
    __name__,
    {
        "FittedTraining": "training",
        "ModelEstimate": "trust",
        "TrainingEstimate": "training",
        "TrainingSettings": "training",
        "estimate_contexts": "trust",
        "estimate_model": "trust",
        "largest_that_fits": "training",
        "needed_bytes": "require",
        "require_memory": "require",
        "training_memory": "training",
    },
)
