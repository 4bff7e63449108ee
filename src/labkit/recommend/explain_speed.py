"""The terms of a speed estimate, written out: of the machine's own calibration where there is one, else of a prior."""

from collections.abc import Iterator

from labkit.estimate import Machine, Placement, Weights
from labkit.estimate.memory import KV_BYTES
from labkit.estimate.speed import DecodeConstants, cpu_constants, gpu_constants
from labkit.estimate.speed_model import decode_terms
from labkit.estimate.work import token_work
from labkit.hardware.calibration import DeviceCalibration
from labkit.model import ModelArchitecture
from labkit.recommend.terms import Term
from labkit.units import render_bandwidth, render_byte_range, render_bytes

PRIOR = "1 / (bytes / (share x bandwidth) + layers x time per layer), from a full to an empty context"
MEASURED = "1 / (sum of the times), from a full to an empty context, and the spread of the calibration"


def speed_terms(shape: ModelArchitecture, weights: Weights, machine: Machine, placement: Placement) -> Iterator[Term]:
    """What one token reads, how long each part takes, and the result."""
    low, high = weights.bytes_per_token
    how = "without the experts that are not chosen" if weights.expert_bytes else "all matrices once"
    yield Term("a token reads", f"{render_byte_range(low, high)} of weights", how)
    yield Term("  and of the cache", f"nothing to {render_bytes(placement.memory.cache_bytes)}", "empty to full")
    calibration = _calibration(machine, placement)
    if calibration is not None:
        yield from _measured_terms(shape, weights, placement, calibration)
    else:
        for name, found, source in _rates(machine, placement):
            yield from _prior_terms(name, found, source, shape.num_layers or 0)
    speed = placement.speed
    if speed is None:
        yield Term("speed", "unknown", _why_unknown(placement))
        return
    likely = f", likely {speed.likely:.1f}" if speed.likely else ""
    words = f"{speed.confidence}: {MEASURED if calibration else PRIOR}"
    yield Term("speed", f"{speed.low:.1f} to {speed.high:.1f} tok/s{likely}", words)


def _why_unknown(placement: Placement) -> str:
    if placement.fit == "no":
        return "it does not fit"
    most = f"; at the very most {placement.most_speed:.1f} tok/s" if placement.most_speed else ""
    return f"not measured here, and no public runs of such a device are known to labkit{most}"


def _calibration(machine: Machine, placement: Placement) -> DeviceCalibration | None:
    """Of the one memory that holds all of the model; a model in two has its parts' times added, not shown."""
    if placement.fit in ("split", "experts in RAM", "no"):
        return None
    if placement.device == "CPU":
        return machine.calibration
    return next((device.calibration for device in machine.devices if device.name == placement.device), None)


def _measured_terms(
    shape: ModelArchitecture, weights: Weights, placement: Placement, calibration: DeviceCalibration
) -> Iterator[Term]:
    work = token_work(shape, weights)
    if work is None:
        return
    context = placement.context
    depth, kv_bytes = context.context_tokens / max(context.num_sequences, 1), KV_BYTES[context.kv_type]
    empty, full = (decode_terms(work, calibration, at, kv_bytes) for at in (0.0, depth))
    for name, seconds in full.items():
        least = empty.get(name, 0.0)
        value = f"{least * 1e3:.2f} ms" if least == seconds else f"{least * 1e3:.2f} to {seconds * 1e3:.2f} ms"
        yield Term(f"  {name}", value, "measured on this machine")


def _rates(machine: Machine, placement: Placement) -> Iterator[tuple[str, tuple[float, DecodeConstants], str]]:
    places = placement.device.split(" + ")
    for device in machine.devices:
        if device.name in places and (found := gpu_constants(device)):
            yield device.name, found, "theoretical peak of a table"
    if "CPU" in places and (found := cpu_constants(machine)):
        yield "system memory", found, "measured" if machine.ram_bandwidth_source == "measured" else "in theory"


def _prior_terms(name: str, found: tuple[float, DecodeConstants], source: str, num_layers: int) -> Iterator[Term]:
    bandwidth, constants = found
    low, high = constants.efficiency
    yield Term(f"  {name}", render_bandwidth(bandwidth), source)
    yield Term("  share of it reached", f"{low:.0%} to {high:.0%}", "prior, fitted on public llama.cpp runs")
    fast, slow = (1e6 * seconds for seconds in constants.seconds_per_layer)
    total = f"x {num_layers} layers = {fast * num_layers / 1e3:.1f} to {slow * num_layers / 1e3:.1f} ms"
    yield Term("  time per layer", f"{fast:.0f} to {slow:.0f} us", total)
