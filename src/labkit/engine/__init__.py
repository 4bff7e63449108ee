"""The native inference core: one loop per model, plan -> forward -> sample -> commit.

Importing this package loads no native code; `labkit.engine.native` does.
"""

from labkit.engine.types import (
    Constraint,
    EngineConfig,
    FinishReason,
    GenerationRequest,
    SamplingOverrides,
    SamplingParams,
    Timings,
    TokenEvent,
    Usage,
)

__all__ = [
    "Constraint",
    "EngineConfig",
    "FinishReason",
    "GenerationRequest",
    "SamplingOverrides",
    "SamplingParams",
    "Timings",
    "TokenEvent",
    "Usage",
]
