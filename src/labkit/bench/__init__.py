"""Measurements of this machine's native core, with llama-bench's tests, definitions and field names."""

from labkit.bench.core import CoreBench, run_core_bench
from labkit.bench.machine import MachineLimits, load_or_measure_limits
from labkit.bench.record import CoreRecord, CoreTest

__all__ = ["CoreBench", "CoreRecord", "CoreTest", "MachineLimits", "load_or_measure_limits", "run_core_bench"]
