"""Whether the models of an endpoint fit this machine's memory, asked before anything is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from labkit.engine.capacity import capacity_of
from labkit.engine.types import DEFAULT_CELLS, EngineConfig
from labkit.errors import InsufficientMemoryError
from labkit.estimate import ContextSettings, Machine, machine_from_profile, require_memory, weights_of_file
from labkit.hardware import detect_hardware
from labkit.hardware.probes.memory import probe_memory
from labkit.hardware.source import SystemSource
from labkit.model import ModelArchitecture
from labkit.serving.plan import ServedModel
from labkit.settings import Settings


def require_fit(models: Sequence[ServedModel], engine: EngineConfig, settings: Settings) -> None:
    """Raise InsufficientMemoryError, with figures and a way out, when the models do not fit together.

    System memory alone is asked first, which costs nothing; accelerators are looked for only where it does not do.
    """
    ram = probe_memory(SystemSource()).value.budget_bytes
    require_all(models, engine, Machine(ram), lambda: machine_from_profile(detect_hardware(settings, measure=False)))


def require_all(
    models: Sequence[ServedModel], engine: EngineConfig, quick: Machine, whole: Callable[[], Machine]
) -> None:
    """Judge by `quick`, and by `whole` where that does not do. Pure but for `whole`."""
    try:
        _require(models, engine, quick)
    except InsufficientMemoryError:
        _require(models, engine, whole())


def _require(models: Sequence[ServedModel], engine: EngineConfig, machine: Machine) -> None:
    for model in models:
        shape, context = model.facts.architecture, _context(model, engine)
        memory = require_memory(model.ref.name, shape, weights_of_file(model.facts), machine, context)
        if memory is not None and machine.ram_budget_bytes is not None:
            machine = replace(machine, ram_budget_bytes=machine.ram_budget_bytes - memory.high)


def _is_full_attention(shape: ModelArchitecture) -> bool:
    return all(layer.window_tokens is None and not layer.state_size for layer in shape.layers or ())


def _context(model: ServedModel, engine: EngineConfig) -> ContextSettings:
    """What its worker will make. An encoder computes a whole input at once, and no logits."""
    shape, facts = model.facts.architecture, model.facts.embedding
    if facts.purpose is None:
        capacity = capacity_of(engine, is_full_attention=_is_full_attention(shape))
        return ContextSettings(
            engine.cells_for(shape.context_tokens),
            num_sequences=capacity.num_slots,
            ubatch_tokens=engine.ubatch_tokens,
            unified=True,
            num_outputs=capacity.max_logits,
        )
    longest = min(shape.context_tokens or DEFAULT_CELLS, engine.context_tokens or DEFAULT_CELLS)
    ubatch = max(engine.ubatch_tokens, longest) if facts.is_encoder else engine.ubatch_tokens
    outputs = 1 if facts.is_encoder else ubatch
    return ContextSettings(longest, num_sequences=1, ubatch_tokens=ubatch, unified=True, num_outputs=outputs)
