"""From timings of the calibration's models to the terms of the speed model. Pure arithmetic."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from labkit.bench.calibration_models import DEPTH_TOKENS, THIN_MODELS, THIN_TYPE, ThinName, uniform_plan
from labkit.hardware.calibration import AttentionCost, DeviceCalibration, LayerCost, LayerKind, TypeRate

LEAST_SECONDS = 1e-9
LEAST_SPREAD, MODEL_SPREAD = 0.15, 0.12
INTERFERENCE = 0.25
HEAD_ELEMENTS = 80.0
"""What a query head costs for one cell beside its elements, in elements: heads of 64 take 0.7 of heads of 128."""
_ROUNDS = 4  # rates need the layers' cost and that needs a rate: each round is ten times nearer


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one model.

    Attributes:
        decode: of one token with an empty cache.
        prefill: of each of `prefill_tokens` tokens at once; None when not measured.
        deep: of one token behind DEPTH_TOKENS others, and `deep_prefill` of each of those.
    """

    decode: float
    prefill: float | None = None
    deep: float | None = None
    deep_prefill: float | None = None


@dataclass(frozen=True, slots=True)
class FatTiming:
    """Timing of a fat model, with what one token read, and what each token of a prompt was multiplied with."""

    timing: Timing
    weight_bytes: int
    prompt_parameters: int
    num_layers: int


def device_calibration(
    device: str,
    threads: int | None,
    fat: Mapping[str, FatTiming],
    thin: Mapping[ThinName, Timing],
    again: Mapping[str, FatTiming],
) -> DeviceCalibration:
    """All terms of one device.

    `again` holds second measurements of some types, made at the end: the
    mean of both counts, and their difference is the drift. `fat` must have THIN_TYPE, `thin` "attention" and both
    "heads of ..."; other missing ones leave their term out.
    """
    drifts = [abs(math.log(again[name].timing.decode / fat[name].timing.decode)) for name in again]
    drift = statistics.median(drifts) if drifts else 0.0
    merged = {name: _merged(timing, again.get(name)) for name, timing in fat.items()}
    own, own_prefill, rates = 0.0, 0.0, {}
    for _ in range(_ROUNDS):
        rates = {name: _rate(name, timing, own, own_prefill) for name, timing in merged.items()}
        own = _own_seconds("attention", thin["attention"].decode, rates[THIN_TYPE])
        own_prefill = _own_prefill("attention", thin["attention"].prefill, rates[THIN_TYPE])
    attention = _attention(thin)
    base = LayerCost("attention", own, 0.0, own_prefill)
    layers = [base, *_experts(thin, rates[THIN_TYPE], base), *_recurrent(thin, rates[THIN_TYPE], base)]
    spread = max(LEAST_SPREAD, MODEL_SPREAD + drift)
    return DeviceCalibration(
        device,
        attention,
        threads,
        tuple(rates.values()),
        tuple(layers),
        drift=round(drift, 4),
        spread=round(min(spread, 0.5), 4),
    )


def _merged(first: FatTiming, second: FatTiming | None) -> FatTiming:
    """Both timings as one; drift is not a matter of which came first."""
    if second is None:
        return first
    prefills = [timing.timing.prefill for timing in (first, second) if timing.timing.prefill]
    prefill = min(prefills, default=None)
    decode = _typical(first.timing.decode, second.timing.decode)
    return FatTiming(Timing(decode, prefill), first.weight_bytes, first.prompt_parameters, first.num_layers)


def _typical(one: float, other: float) -> float:
    """The geometric mean; of two times that lie far apart the shorter, because other work only ever adds to one."""
    if abs(math.log(one / other)) > INTERFERENCE:
        return min(one, other)
    return math.sqrt(one * other)


def _rate(name: str, fat: FatTiming, own: float, own_prefill: float) -> TypeRate:
    decode = max(fat.timing.decode - fat.num_layers * own, fat.timing.decode / 2)
    operations = None
    if fat.timing.prefill is not None:
        prefill = max(fat.timing.prefill - fat.num_layers * own_prefill, fat.timing.prefill / 2)
        operations = round(2 * fat.prompt_parameters / prefill)
    return TypeRate(name, round(fat.weight_bytes / decode), operations)


def _own_seconds(name: ThinName, seconds: float, rate: TypeRate) -> float:
    """What is left for each layer when the matrices are taken off."""
    shape = THIN_MODELS[name].shape
    plan = uniform_plan(shape, THIN_TYPE)
    share = shape.experts.num_used / shape.experts.num_experts if shape.experts else 1.0
    size = sum(row.num_elements * (share if len(row.dimensions) > 2 else 1) for row, _ in plan.tensors)
    seconds -= size * 34 / 32 / rate.bytes_per_second
    return max(seconds / shape.num_layers, LEAST_SECONDS)


def _own_prefill(name: ThinName, seconds: float | None, rate: TypeRate) -> float:
    if seconds is None or rate.operations_per_second is None:
        return 0.0
    shape = THIN_MODELS[name].shape
    share = shape.experts.num_used / shape.experts.num_experts if shape.experts else 1.0
    plan = uniform_plan(shape, THIN_TYPE)
    size = sum(row.num_elements * (share if len(row.dimensions) > 2 else 1) for row, _ in plan.tensors)
    return max((seconds - 2 * size / rate.operations_per_second) / shape.num_layers, 0.0)


def _attention(thin: Mapping[ThinName, Timing]) -> AttentionCost:
    """One rate from heads of two sizes: two unknowns from them would be mostly noise."""
    names: tuple[ThinName, ...] = ("heads of 64", "heads of 128")
    rates = [_pair_seconds(name, thin[name]) / (HEAD_ELEMENTS + THIN_MODELS[name].shape.head_dim) for name in names]
    element = _typical(rates[0], rates[1])
    cold = 0.0
    if "cold cache" in thin:
        warm = (HEAD_ELEMENTS + THIN_MODELS["cold cache"].shape.head_dim) * element
        cold = max(_pair_seconds("cold cache", thin["cold cache"]) - warm, 0.0)
    return AttentionCost(HEAD_ELEMENTS * element, element, _prefill_element(thin), cold)


def _pair_seconds(name: ThinName, timing: Timing) -> float:
    """Seconds of one query head and one cell."""
    model = THIN_MODELS[name]
    extra = max((timing.deep or timing.decode) - timing.decode, LEAST_SECONDS)
    return extra / (model.shape.num_layers * model.shape.num_heads * model.depth)


def _prefill_element(thin: Mapping[ThinName, Timing]) -> float:
    """A prompt's token sees half of the prompt on average."""
    timing, shape = thin["heads of 128"], THIN_MODELS["heads of 128"].shape
    if timing.deep_prefill is None or timing.prefill is None:
        return 0.0
    extra = max(timing.deep_prefill - timing.prefill, 0.0)
    return extra / (shape.num_layers * shape.query_size * DEPTH_TOKENS / 2)


def _experts(thin: Mapping[ThinName, Timing], rate: TypeRate, base: LayerCost) -> list[LayerCost]:
    timing = thin.get("experts")
    if timing is None:
        return []
    seconds = max(_own_seconds("experts", timing.decode, rate) - base.seconds, 0.0)
    prefill = max(_own_prefill("experts", timing.prefill, rate) - base.prefill_seconds, 0.0)
    return [LayerCost("experts", seconds, 0.0, prefill)]


def _recurrent(thin: Mapping[ThinName, Timing], rate: TypeRate, base: LayerCost) -> list[LayerCost]:
    found = []
    if "shortconv" in thin:
        seconds = _recurrent_seconds("shortconv", thin["shortconv"], rate, base)
        found.append(LayerCost("shortconv", seconds[0], 0.0, seconds[1]))
    kinds: tuple[tuple[LayerKind, ThinName, ThinName], ...] = (
        ("delta_net", "delta_net small", "delta_net large"),
        ("mamba2", "mamba2 small", "mamba2 large"),
    )
    for kind, small, large in kinds:
        if small in thin and large in thin:
            low, high = (_recurrent_seconds(name, thin[name], rate, base) for name in (small, large))
            sizes = THIN_MODELS[small].state_elements, THIN_MODELS[large].state_elements
            decode, prefill = _line(sizes, (low[0], high[0])), _line(sizes, (low[1], high[1]))
            found.append(LayerCost(kind, decode[0], decode[1], prefill[0], prefill[1]))
    return found


def _recurrent_seconds(name: ThinName, timing: Timing, rate: TypeRate, base: LayerCost) -> tuple[float, float]:
    """(decode, prefill) of one recurrent layer, without what the attention layers between them took."""
    model = THIN_MODELS[name]
    layers, recurrent = model.shape.num_layers, model.recurrent_layers
    decode = _own_seconds(name, timing.decode, rate) * layers - base.seconds * (layers - recurrent)
    prefill = _own_prefill(name, timing.prefill, rate) * layers - base.prefill_seconds * (layers - recurrent)
    return max(decode / recurrent, LEAST_SECONDS), max(prefill / recurrent, 0.0)


def _line(sizes: tuple[int, int], seconds: tuple[float, float]) -> tuple[float, float]:
    """(seconds at size 0, seconds for each element), neither below 0."""
    slope = max((seconds[1] - seconds[0]) / (sizes[1] - sizes[0]), 0.0)
    return max(seconds[0] - slope * sizes[0], 0.0), slope
