"""Speculation: who proposes tokens, and how many are worth checking. Pure Python."""

from labkit.engine.drafting.drafter import Drafter, PromptDrafter
from labkit.engine.drafting.lookup import PromptLookup
from labkit.engine.drafting.policy import MAX_DRAFT, SpeculationPolicy

__all__ = ["MAX_DRAFT", "Drafter", "PromptDrafter", "PromptLookup", "SpeculationPolicy"]
