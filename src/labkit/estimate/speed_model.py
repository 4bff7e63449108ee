"""The calibrated speed model: seconds of one token, or of a prompt, as a sum of named terms. Pure.

    decode  = sum over tensor types (bytes / rate)
            + sum over layers (own cost + state elements x cost of one)
            + sum over attention layers cells x (heads x cost + elements x cost + waiting for keys and values)
    prefill = sum over tensor types (2 x weights / operations per second), at least the time of reading them once for
              each micro-batch, + layers and states for each token + attention over half the prompt on average

The terms are measured by `labkit.bench.calibrate` on the device itself. A type that was not measured takes the rate
of the slowest that was, and `is_covered` says so.
"""

from collections.abc import Mapping

from labkit.estimate.mixtures import BITS
from labkit.estimate.work import LayerWork, TokenWork
from labkit.hardware.calibration import DeviceCalibration, LayerCost

LAYERS, ATTENTION = "layers", "attention"  # names of terms, beside those of tensor types
KV_BYTES_PER_ELEMENT = 2.0
UNMEASURED = 0.8  # of the slowest rate that was measured
PLAIN_TYPES = {"F32", "BF16", "F16"}


def decode_terms(
    work: TokenWork, device: DeviceCalibration, depth: float, kv_bytes: float = KV_BYTES_PER_ELEMENT
) -> dict[str, float]:
    """Seconds of one token behind `depth` others, by term. `kv_bytes` are those of one element of the cache."""
    terms: dict[str, float] = {}
    for sizes in (work.matrix_bytes, work.expert_bytes):
        for name, size in sizes.items():
            terms[name] = terms.get(name, 0.0) + size / _bytes_per_second(device, name)
    terms[LAYERS] = sum(_layer_seconds(layer, device) for layer in work.layers)
    experts = device.layer("experts")
    terms[LAYERS] += work.expert_layers * (experts.seconds if experts else 0.0)
    is_cold = work.weight_bytes > (device.cache_bytes or 0)
    terms[ATTENTION] = sum(
        layer.cells(depth) * (_head_seconds(layer, device) + is_cold * _waiting_seconds(layer, device, kv_bytes))
        for layer in work.layers
    )
    return _corrected(terms, device)


def prefill_terms(
    work: TokenWork, device: DeviceCalibration, num_tokens: int, ubatch_tokens: int = 512
) -> dict[str, float]:
    """Seconds of a prompt of `num_tokens` in an empty context, by term."""
    passes = -(-num_tokens // ubatch_tokens)
    terms: dict[str, float] = {}
    active = dict(work.matrix_bytes)
    if work.head_type in active:
        active[work.head_type] -= work.head_bytes
    used = sum(work.expert_bytes.values())
    for sizes, stored in ((active, 1.0), (work.expert_bytes, work.all_expert_bytes / used if used else 1.0)):
        for name, size in sizes.items():
            weights = size * 8 / BITS.get(name, 8.5)
            computing = 2 * weights * num_tokens / _operations_per_second(device, name)
            reading = passes * size * stored / _bytes_per_second(device, name)
            terms[name] = terms.get(name, 0.0) + max(computing, reading)
    terms[LAYERS] = num_tokens * sum(_prefill_layer_seconds(layer, device) for layer in work.layers)
    experts = device.layer("experts")
    terms[LAYERS] += num_tokens * work.expert_layers * (experts.prefill_seconds if experts else 0.0)
    terms[ATTENTION] = sum(_prompt_attention(layer, device, num_tokens) for layer in work.layers)
    return _corrected(terms, device)


def prompt_operations(work: TokenWork) -> float:
    """Multiplications and additions for each token of a prompt, attention left out."""
    weights = {name: size * 8 / BITS.get(name, 8.5) for name, size in work.matrix_bytes.items()}
    experts = sum(size * 8 / BITS.get(name, 8.5) for name, size in work.expert_bytes.items())
    head = work.head_bytes * 8 / BITS.get(work.head_type, 8.5)
    return 2 * (sum(weights.values()) + experts - head)


def is_covered(work: TokenWork, device: DeviceCalibration) -> bool:
    """Whether every kind of matrix and layer that counts was measured."""
    total = sum(work.matrix_bytes.values()) + sum(work.expert_bytes.values())
    unknown = sum(
        size
        for sizes in (work.matrix_bytes, work.expert_bytes)
        for name, size in sizes.items()
        if device.rate(name) is None and name not in PLAIN_TYPES
    )
    kinds = all(device.layer(layer.kind) is not None for layer in work.layers)
    return kinds and unknown <= 0.02 * total


def _corrected(terms: Mapping[str, float], device: DeviceCalibration) -> dict[str, float]:
    return {name: seconds * device.factor(name) for name, seconds in terms.items() if seconds > 0}


def _bytes_per_second(device: DeviceCalibration, tensor_type: str) -> float:
    rate = device.rate(tensor_type)
    if rate is not None:
        return rate.bytes_per_second
    known = [one.bytes_per_second for one in device.rates]
    # Norms and routers are F32: plain numbers are read as fast as anything is.
    return max(known) if tensor_type in PLAIN_TYPES else UNMEASURED * min(known)


def _operations_per_second(device: DeviceCalibration, tensor_type: str) -> float:
    rate = device.rate(tensor_type)
    if rate is not None and rate.operations_per_second:
        return rate.operations_per_second
    known = [one.operations_per_second for one in device.rates if one.operations_per_second]
    return UNMEASURED * min(known) if known else float("inf")


def _cost(layer: LayerWork, device: DeviceCalibration) -> LayerCost:
    known = device.layer(layer.kind) or device.layer("attention")
    return known or LayerCost(layer.kind, 0.0)


def _layer_seconds(layer: LayerWork, device: DeviceCalibration) -> float:
    cost = _cost(layer, device)
    return layer.count * (cost.seconds + layer.state_elements * cost.state_seconds)


def _prefill_layer_seconds(layer: LayerWork, device: DeviceCalibration) -> float:
    cost = _cost(layer, device)
    return layer.count * (cost.prefill_seconds + layer.state_elements * cost.prefill_state_seconds)


def _head_seconds(layer: LayerWork, device: DeviceCalibration) -> float:
    """Of all query heads of these layers for one cell."""
    cost = device.attention
    return layer.count * layer.num_heads * (cost.head_seconds + layer.head_dim * cost.element_seconds)


def _waiting_seconds(layer: LayerWork, device: DeviceCalibration, kv_bytes: float) -> float:
    """For one cell's keys and values: by their rows, which lie apart, or by their bytes, if that is longer."""
    reading = layer.kv_elements * kv_bytes / _bytes_per_second(device, "F16")
    return layer.count * max(layer.num_kv_heads * device.attention.cold_seconds, reading)


def _prompt_attention(layer: LayerWork, device: DeviceCalibration, num_tokens: int) -> float:
    """Every token sees those before it: half the prompt on average, within the window."""
    cells = min(num_tokens / 2, layer.window_tokens or num_tokens)
    elements = layer.num_heads * layer.head_dim
    return layer.count * num_tokens * cells * elements * device.attention.prefill_element_seconds
