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
from labkit.estimate.speed_model import is_covered, prefill_terms, prompt_operations
from labkit.estimate.weights import Weights
from labkit.estimate.work import TokenWork, token_work
from labkit.model import ModelArchitecture

PREFILL_SPREAD = 0.15
"""More than of a decode: kernels for many tokens differ more from shape to shape."""
PEAK_SHARE = (0.35, 0.65, 0.95)
"""Of an accelerator's peak in half precision, (low, likely, high): an RTX 4090 with 8B at Q4_0 reached 0.94 (llama.cpp
pull request 7676), a 3090 with Q6_K 0.74."""


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

    Without a calibration an accelerator's peak rate speaks, for a processor nothing: None.
    """
    calibration = (device or machine).calibration
    is_calibrated = calibration is not None and any(rate.operations_per_second for rate in calibration.rates)
    if not is_calibrated and (device is None or not device.peak_operations_per_second):
        return None
    work = token_work(architecture, weights)
    if work is None:
        return None
    if calibration is None or not is_calibrated:
        return _prefill_prior(work, device, num_tokens, ubatch_tokens) if device else None
    seconds = sum(prefill_terms(work, calibration, num_tokens, ubatch_tokens).values())
    covered = is_covered(work, calibration)
    spread = calibration.spread + PREFILL_SPREAD + (0.0 if work.exact else TYPICAL_TYPES_SPREAD)
    spread += 0.0 if covered else UNCOVERED_SPREAD
    rate = num_tokens / seconds
    return Speed(rate / (1 + spread), rate * (1 + spread), rate, "calibrated" if covered else "partly calibrated")


def _prefill_prior(work: TokenWork, device: Device, num_tokens: int, ubatch_tokens: int) -> Speed | None:
    """From the peak rate of the device; at least as long as reading every weight for each micro-batch takes."""
    found = gpu_constants(device)
    if found is None or not device.peak_operations_per_second:
        return None
    bandwidth, constants = found
    stored = sum(work.matrix_bytes.values()) + max(work.all_expert_bytes, sum(work.expert_bytes.values()))
    passes = -(-num_tokens // ubatch_tokens)

    def rate(share: float, efficiency: float) -> float:
        computing = prompt_operations(work) * num_tokens / (share * (device.peak_operations_per_second or 1))
        return num_tokens / max(computing, passes * stored / (efficiency * bandwidth))

    slow, fast = constants.efficiency
    low, likely, high = PEAK_SHARE
    return Speed(rate(low, slow), rate(high, fast), rate(likely, (slow * fast) ** 0.5), "table")
