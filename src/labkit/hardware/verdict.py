"""The one line that a person wants to know about a machine. Pure; it predicts nothing about any model."""

from labkit.hardware.profile import HardwareProfile
from labkit.hardware.supposed import counted_gpus
from labkit.hardware.tiers import tier_rule
from labkit.units import render_bytes


def tier_name(profile: HardwareProfile) -> str:
    """The tier as people write it."""
    return tier_rule(profile.tier).name


def render_verdict(profile: HardwareProfile) -> str:
    """What fits where, from the memory budget alone; what labkit cannot do here when the core does not load."""
    if not profile.can_run_models:
        return "labkit cannot run a model here: the native core does not load"
    tier, system = tier_name(profile), profile.memory.budget_bytes
    counted = counted_gpus(profile)
    if profile.tier == "cpu" or not counted:
        return f"{tier} tier: {_models(system)} fit in the memory budget, context included"
    best = counted[0]
    free = best.free_bytes if best.free_bytes is not None else best.memory_bytes
    name = best.name or "the GPU"
    if best.unified:
        return f"{tier} tier: {_models(free)} fit in the memory that {name} shares, context included"
    others = len(counted) - 1
    more = f" (and {others} more)" if others else ""
    beside = "" if system is None else f"; more layers can use {render_bytes(system)} of system memory"
    return f"{tier} tier: {_models(free)} fit on {name}{more}{beside}"


def _models(num_bytes: int | None) -> str:
    return "it is not known what models" if num_bytes is None else f"models up to {render_bytes(num_bytes)}"
