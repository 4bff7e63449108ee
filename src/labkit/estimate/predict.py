"""Speed of one model on one device at a given depth: what `labkit bench core` shows beside its measurements. Pure."""

from labkit.estimate.machine import Device, Machine
from labkit.estimate.memory import ContextSettings, cache_bytes
from labkit.estimate.speed import (
    TYPICAL_TYPES_SPREAD,
    UNCOVERED_SPREAD,
    Reading,
    Speed,
    bandwidth_confidence,
    calibrated_reading,
    cpu_constants,
    decode_speed,
    gpu_constants,
)
from labkit.estimate.speed_model import is_covered, prefill_terms
from labkit.estimate.weights import Weights
from labkit.estimate.work import token_work
from labkit.model import ModelArchitecture

PREFILL_SPREAD = 0.15
"""More than of a decode: kernels for many tokens differ more from shape to shape."""


def predict_decode(
    architecture: ModelArchitecture,
    weights: Weights,
    machine: Machine,
    *,
    depth: float = 0,
    device: Device | None = None,
) -> Speed | None:
    """Tokens per second of one sequence behind `depth` tokens; on `device`, or on the processor.

    None when neither a calibration nor a bandwidth is known.
    """
    context = ContextSettings(max(int(depth), 1))
    work = token_work(architecture, weights)
    measured = calibrated_reading(work, (device or machine).calibration, context, (depth, depth))
    if measured is not None:
        return decode_speed((measured,))
    found = gpu_constants(device) if device else cpu_constants(machine)
    if found is None:
        return None
    cache = cache_bytes(architecture.layers, context) if architecture.layers and depth else 0
    layers, confidence = architecture.num_layers or 0, bandwidth_confidence(machine, device)
    return decode_speed((Reading(weights.bytes_per_token, cache, layers, *found, confidence, cache),))


def predict_prefill(
    architecture: ModelArchitecture,
    weights: Weights,
    machine: Machine,
    num_tokens: int,
    *,
    ubatch_tokens: int = 512,
    device: Device | None = None,
) -> Speed | None:
    """Tokens per second of a prompt of `num_tokens` in an empty context; on `device`, or on the processor.

    None where the device was not calibrated: the rate of many tokens at once follows from no bandwidth.
    """
    work, calibration = token_work(architecture, weights), (device or machine).calibration
    if work is None or calibration is None or not any(rate.operations_per_second for rate in calibration.rates):
        return None
    seconds = sum(prefill_terms(work, calibration, num_tokens, ubatch_tokens).values())
    covered = is_covered(work, calibration)
    spread = calibration.spread + PREFILL_SPREAD + (0.0 if work.exact else TYPICAL_TYPES_SPREAD)
    spread += 0.0 if covered else UNCOVERED_SPREAD
    rate = num_tokens / seconds
    return Speed(rate / (1 + spread), rate * (1 + spread), rate, "calibrated" if covered else "partly calibrated")
