"""Measurements of this machine's native core, with llama-bench's tests, definitions and field names."""

from labkit.bench.calibrate import calibrate
from labkit.bench.core import CoreBench, run_core_bench
from labkit.bench.dry import DryModel, find_dry_model, require_fit, write_dry_model
from labkit.bench.machine import MachineLimits, load_or_measure_limits
from labkit.bench.prediction import learn, load_kept_calibration, predicted
from labkit.bench.record import CoreRecord, CoreTest

__all__ = [
    "CoreBench",
    "CoreRecord",
    "CoreTest",
    "DryModel",
    "MachineLimits",
    "calibrate",
    "find_dry_model",
    "learn",
    "load_kept_calibration",
    "load_or_measure_limits",
    "predicted",
    "require_fit",
    "run_core_bench",
    "write_dry_model",
]
