"""Whether the models of an endpoint fit this machine's memory, asked before anything is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from labkit.engine.capacity import capacity_of
from labkit.engine.types import DEFAULT_CELLS, EngineConfig
from labkit.errors import InsufficientMemoryError, LabkitError
from labkit.estimate import (
    ContextSettings,
    Machine,
    ModelEstimate,
    estimate_model,
    machine_from_profile,
    needed_bytes,
    require_memory,
    weights_of_file,
)
from labkit.hardware import detect_hardware
from labkit.hardware.probes.memory import probe_memory
from labkit.hardware.source import SystemSource
from labkit.model import ModelArchitecture
from labkit.serving.plan import ServedModel
from labkit.settings import Settings
from labkit.units import render_bytes

Sizer = Callable[[ServedModel, ContextSettings], ModelEstimate]


def require_fit(
    models: Sequence[ServedModel],
    engine: EngineConfig,
    settings: Settings,
    *,
    adapters: Sequence[Path] = (),
    limit_bytes: int | None = None,
) -> tuple[ModelEstimate, ...]:
    """What each model takes, beside adapters and draft models, within `limit_bytes` and the machine's memory.

    Raises InsufficientMemoryError, with figures and a way out, when they do not fit together. System memory alone is
    asked first, which costs nothing; accelerators are looked for only where it does not do, and the native core, whose
    answer takes a second, only where formulas say no or do not know the shape.
    """
    beside = sum(map(_size, adapters)) + sum(bytes_beside(model, engine) for model in models)

    def without(machine: Machine) -> Machine:
        budget = machine.ram_budget_bytes
        if limit_bytes is not None:
            machine, budget = replace(machine, devices=()), min(limit_bytes, budget or limit_bytes)
        return machine if budget is None else replace(machine, ram_budget_bytes=max(budget - beside, 0))

    quick = without(Machine(probe_memory(SystemSource()).value.budget_bytes))
    if limit_bytes is not None:
        return require_all(models, engine, quick, lambda: quick)
    return require_all(
        models, engine, quick, lambda: without(machine_from_profile(detect_hardware(settings, measure=False)))
    )


def estimate(model: ServedModel, engine: EngineConfig, *, natively: bool = False) -> ModelEstimate:
    """What one model takes. Blocks: for a second where the native core must be asked."""
    context = _context(model, model.engine or engine)
    return _natively(model, context) if natively else _by_header(model, context)


def memory_of(model: ServedModel, engine: EngineConfig) -> int:
    """Bytes that are set apart for it, with what stands beside it; its file's size where no estimate says."""
    memory = model.estimate.memory if model.estimate else None
    return (needed_bytes(memory) if memory else model.facts.file_bytes) + bytes_beside(model, engine)


def bytes_beside(model: ServedModel, engine: EngineConfig) -> int:
    """Bytes of a model's adapters, of its draft model, and of finished requests where somebody said how many."""
    engine = model.engine or engine
    draft = _size(engine.draft_model) if engine.draft_model else 0
    return sum(_size(path) for _, path in model.adapters) + draft + (engine.host_cache_bytes or 0)


def too_large(model: ServedModel, engine: EngineConfig, largest_bytes: int, staying: Sequence[str]) -> LabkitError:
    """Why it cannot be loaded where no more than `largest_bytes` will ever be free, and which context could."""
    budget = max(largest_bytes - bytes_beside(model, engine), 0)
    try:
        _require([model], engine, Machine(budget), lambda model, _: model.estimate or estimate(model, engine))
    except InsufficientMemoryError as error:
        if not staying:
            return error
        hint = error.hint if "--ctx" in error.hint else f"make room for it: labkit stop {staying[0]}"
        return InsufficientMemoryError(f"{error.message} beside what stays loaded ({', '.join(staying)})", hint=hint)
    need = render_bytes(memory_of(model, engine))
    return InsufficientMemoryError(f"{model.ref.name} needs {need}, {render_bytes(budget)} can be free")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def require_all(
    models: Sequence[ServedModel], engine: EngineConfig, quick: Machine, whole: Callable[[], Machine]
) -> tuple[ModelEstimate, ...]:
    """Judge by `quick`, by `whole` where that does not do, and there at last by the native core's own sizing."""
    try:
        return _require(models, engine, quick, _by_header)
    except InsufficientMemoryError:
        machine = whole()
    try:
        return _require(models, engine, machine, _by_header)
    except InsufficientMemoryError:
        return _require(models, engine, machine, _natively)


def _by_header(model: ServedModel, context: ContextSettings) -> ModelEstimate:
    shape = model.facts.architecture
    found = estimate_model(shape, weights_of_file(model.facts), context)
    return found if found.memory is not None else _natively(model, context)


def _natively(model: ServedModel, context: ContextSettings) -> ModelEstimate:
    shape, weights = model.facts.architecture, weights_of_file(model.facts)
    if model.facts.embedding.is_encoder:  # has no cache, and its worker makes another kind of context
        return estimate_model(shape, weights, context)
    return estimate_model(shape, weights, context, path=model.ref.path)


def _require(
    models: Sequence[ServedModel], engine: EngineConfig, machine: Machine, sizer: Sizer
) -> tuple[ModelEstimate, ...]:
    found = []
    for model in models:
        shape, context = model.facts.architecture, _context(model, model.engine or engine)
        sized = sizer(model, context)
        weights = weights_of_file(model.facts)
        memory = require_memory(model.ref.name, shape, weights, machine, context, memory=sized.memory)
        if memory is not None and machine.ram_budget_bytes is not None:
            machine = replace(machine, ram_budget_bytes=machine.ram_budget_bytes - memory.high)
        found.append(sized)
    return tuple(found)


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
