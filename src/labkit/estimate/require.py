"""Refusing what cannot fit, with figures, before anything is loaded."""

from dataclasses import replace

from labkit.errors import InsufficientMemoryError
from labkit.estimate.machine import Machine
from labkit.estimate.memory import ContextSettings
from labkit.estimate.placement import MARGIN_SHARE, MemoryEstimate, estimate_memory
from labkit.estimate.weights import Weights
from labkit.model import ModelArchitecture
from labkit.units import render_bytes

LEAST_CONTEXT_TOKENS = 512


def require_memory(
    name: str,
    architecture: ModelArchitecture,
    weights: Weights,
    machine: Machine,
    context: ContextSettings,
    *,
    memory: MemoryEstimate | None = None,
) -> MemoryEstimate | None:
    """What a model with exactly this context takes, when that is within the machine's memory. Pure.

    Asks for less than a recommendation does: what is certain and bounded must fit, with 3 % to spare. `memory` is
    what the native core says it takes, where that is known; else formulas say it.
    None when it cannot be judged: the shape or the machine's memory is not known.
    Raises InsufficientMemoryError that says what is missing, and which context would fit.
    """
    budget = _budget(machine)
    memory = memory or estimate_memory(architecture, weights, context)
    if memory is None or budget is None:
        return memory
    if needed_bytes(memory) <= budget:
        return memory
    raise InsufficientMemoryError(
        f"{name} needs {render_bytes(needed_bytes(memory))} with {context.context_tokens:,} tokens of context, "
        f"{render_bytes(budget)} are free",
        hint=_hint(name, architecture, weights, budget, context),
    )


def _budget(machine: Machine) -> int | None:
    """The largest memory there is; an accelerator that shares the system's memory adds nothing to it."""
    if machine.ram_budget_bytes is None:
        return None
    own = max((device.budget_bytes for device in machine.devices if not device.unified), default=0)
    return machine.ram_budget_bytes + own


def needed_bytes(memory: MemoryEstimate) -> int:
    """What must be free for a model of this estimate: its upper bound, and 3 % to spare."""
    return round(memory.high * (1 + MARGIN_SHARE))


def _hint(name: str, architecture: ModelArchitecture, weights: Weights, budget: int, context: ContextSettings) -> str:
    tokens = context.context_tokens // 2
    while tokens >= LEAST_CONTEXT_TOKENS:
        memory = estimate_memory(architecture, weights, replace(context, context_tokens=tokens))
        if memory is not None and needed_bytes(memory) <= budget:
            return f"a smaller context fits: labkit serve {name} --ctx {tokens}"
        tokens //= 2
    return "end other programs, or see what fits: labkit recommend"
