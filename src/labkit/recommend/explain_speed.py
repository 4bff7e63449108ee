"""The terms of a speed estimate, written out."""

from collections.abc import Iterator

from labkit.estimate import Machine, Placement, Weights
from labkit.estimate.speed import DecodeConstants, cpu_constants, gpu_constants
from labkit.model import ModelArchitecture
from labkit.recommend.terms import Term
from labkit.units import render_bandwidth, render_bytes


def speed_terms(shape: ModelArchitecture, weights: Weights, machine: Machine, placement: Placement) -> Iterator[Term]:
    """What one token reads, how fast, and the result."""
    low, high = weights.bytes_per_token
    how = "without the experts that are not chosen" if weights.expert_bytes else "all matrices once"
    yield Term("a token reads", f"{render_bytes(low)} to {render_bytes(high)} of weights", how)
    yield Term("  and of the cache", f"nothing to {render_bytes(placement.memory.cache_bytes)}", "empty to full")
    for name, found, source in _rates(machine, placement):
        yield from _rate_terms(name, found, source, shape.num_layers or 0)
    speed = placement.speed
    if speed is None:
        yield Term("speed", "unknown", "no memory bandwidth is known: labkit doctor measures it")
        return
    words = "1 / (bytes / (share x bandwidth) + layers x time per layer), from a full to an empty context"
    yield Term("speed", f"{speed.low:.1f} to {speed.high:.1f} tok/s", words)


def _rates(machine: Machine, placement: Placement) -> Iterator[tuple[str, tuple[float, DecodeConstants], str]]:
    for device in machine.devices:
        if device.name in placement.device and (found := gpu_constants(device)):
            yield device.name, found, "theoretical peak of a table"
    if "CPU" in placement.device and (found := cpu_constants(machine)):
        yield "system memory", found, "measured" if machine.ram_bandwidth_source == "measured" else "in theory"


def _rate_terms(name: str, found: tuple[float, DecodeConstants], source: str, num_layers: int) -> Iterator[Term]:
    bandwidth, constants = found
    low, high = constants.efficiency
    yield Term(f"  {name}", render_bandwidth(bandwidth), source)
    yield Term("  share of it reached", f"{low:.0%} to {high:.0%}", "prior, fitted on public llama.cpp runs")
    fast, slow = (1e6 * seconds for seconds in constants.seconds_per_layer)
    total = f"x {num_layers} layers = {fast * num_layers / 1e3:.1f} to {slow * num_layers / 1e3:.1f} ms"
    yield Term("  time per layer", f"{fast:.0f} to {slow:.0f} us", total)
