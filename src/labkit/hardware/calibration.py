"""What the native core was measured to do here, in the terms that the speed model adds up. Plain values.

Rates are of the core's own kernels, not of the memory alone: which of the two is the limit depends on the tensor type
and on the number of threads, so it is measured and not assumed. `labkit.bench.calibrate` measures,
`labkit.estimate.speed_model` adds up, `labkit.hardware.calibration_store` keeps.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

LayerKind = Literal["attention", "experts", "delta_net", "mamba2", "shortconv"]

MOST_CORRECTION = 0.4
"""Most that later benchmarks may change a term, as a logarithm: a third less, or half more."""
OUTLIER = 0.7
"""A benchmark twice as slow or fast as predicted measured something else, such as a busy machine."""
LEAST_SPREAD, MOST_SPREAD = 0.10, 0.5
_FIRST_GAIN, _LEAST_GAIN = 0.5, 0.15
_SPREAD_GAIN = 0.2
_COVERING = 1.6  # a range of so many mean deviations holds nine of ten values


@dataclass(frozen=True, slots=True)
class TypeRate:
    """Matrices of one tensor type.

    Attributes:
        bytes_per_second: how fast their bytes are gone through for one token.
        operations_per_second: multiplications and additions with many tokens at once; None when not measured.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    tensor_type: str
    bytes_per_second: float
    operations_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class LayerCost:
    """What a layer costs beside its matrices: launching its operations, waiting at barriers, updating its state.

    Attributes:
        kind: "attention" stands for any layer's own cost; "experts" is added to it by a mixture of experts; the
            recurrent kinds take its place.
        seconds: of one layer for one token.
        state_seconds: of one element of recurrent state, for one token.
        prefill_seconds: of one layer, for each token of a prompt.
        prefill_state_seconds: of one element of recurrent state, for each token of a prompt.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: LayerKind
    seconds: float
    state_seconds: float = 0.0
    prefill_seconds: float = 0.0
    prefill_state_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AttentionCost:
    """What attention over the KV cache costs, with a cache of f16.

    Attributes:
        head_seconds: of one query head and one cell.
        element_seconds: of one element of a query head and one cell.
        prefill_element_seconds: the same as `element_seconds` for prompts, head's share included.
        cold_seconds: of one KV head and one cell, when the weights have driven the cache's keys and values out of
            the processor's cache: their rows lie apart, so each is waited for.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    head_seconds: float
    element_seconds: float
    prefill_element_seconds: float
    cold_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class DeviceCalibration:
    """One device of the core, with one number of threads.

    Attributes:
        device: "CPU", or the name llama.cpp gives an accelerator ("CUDA0").
        threads: of a processor; None of an accelerator.
        cache_bytes: of a processor, its last-level cache: what fits it is not waited for.
        drift: how far the same measurement differed between begin and end, 0.1 is 10 %.
        spread: half the width of an honest range, as a share; later benchmarks change it.
        corrections: what later benchmarks taught: the logarithm of a factor on the time of each term
            (a tensor type's name, "layers", "attention").
        num_refinements: benchmarks that were folded in.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    device: str
    attention: AttentionCost
    threads: int | None = None
    rates: tuple[TypeRate, ...] = ()
    layers: tuple[LayerCost, ...] = ()
    cache_bytes: int | None = None
    drift: float = 0.0
    spread: float = 0.2
    corrections: dict[str, float] = field(default_factory=dict)
    num_refinements: int = 0

    def rate(self, tensor_type: str) -> TypeRate | None:
        """Rate of a type, None when it was not measured."""
        return next((rate for rate in self.rates if rate.tensor_type == tensor_type), None)

    def layer(self, kind: LayerKind) -> LayerCost | None:
        """Cost of a kind of layer, None when it was not measured."""
        return next((cost for cost in self.layers if cost.kind == kind), None)

    def factor(self, term: str) -> float:
        """What later benchmarks make of the time of a term; 1 without any."""
        return math.exp(self.corrections.get(term, 0.0))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything measured at one time. Another processor or core makes it void.

    Attributes:
        measured_at: UTC, ISO 8601.
        seconds: how long measuring took.
        cpu: the processor's name and core count, as in `labkit.hardware.measure.cpu_identity`.
        core_version: of llama-cpp-python; `core_build` of the llama.cpp in it, None when it does not say.
        load_average: before measuring: other work lowers the figures.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    devices: tuple[DeviceCalibration, ...]
    measured_at: str
    seconds: float
    cpu: str | None = None
    core_version: str | None = None
    core_build: str | None = None
    power_source: str | None = None
    load_average: float | None = None

    def device(self, name: str) -> DeviceCalibration | None:
        """The part for a device, None when it was not measured."""
        return next((device for device in self.devices if device.device == name), None)


def refine(calibration: DeviceCalibration, shares: Mapping[str, float], ratio: float) -> DeviceCalibration:
    """Fold a benchmark in. Pure.

    Its seconds were `ratio` times what was predicted; `shares` says which terms made up the prediction. The error is
    laid on the terms by their share, less with every benchmark, and within bounds; one that is off by a factor of two
    is left out. The spread follows the errors that are seen.
    """
    if not math.isfinite(ratio) or ratio <= 0 or abs(math.log(ratio)) > OUTLIER:
        return calibration
    error, total = math.log(ratio), sum(shares.values())
    if total <= 0:
        return calibration
    gain = max(_FIRST_GAIN / (1 + calibration.num_refinements / 2), _LEAST_GAIN)
    # So much that the same benchmark again would be off by (1 - gain) of the error.
    scale = gain * error / (sum(share * share for share in shares.values()) / total**2)
    corrections = dict(calibration.corrections)
    for term, share in shares.items():
        moved = corrections.get(term, 0.0) + scale * share / total
        corrections[term] = round(max(-MOST_CORRECTION, min(MOST_CORRECTION, moved)), 6)
    seen = min(max(_COVERING * abs(error), LEAST_SPREAD), MOST_SPREAD)
    spread = calibration.spread + _SPREAD_GAIN * (seen - calibration.spread)
    return replace(
        calibration,
        corrections=corrections,
        spread=round(min(max(spread, LEAST_SPREAD), MOST_SPREAD), 4),
        num_refinements=calibration.num_refinements + 1,
    )
