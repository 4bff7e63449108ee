"""Tier rules, read from hardware_profiles/tiers.toml: which backend makes which tier, and which build enables it."""

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from labkit.hardware.profile import Tier
from labkit.resources import data_folder

if TYPE_CHECKING:
    from labkit.hardware.profile import HardwareProfile

FILE_NAME = "tiers.toml"
FALLBACK_BUILD = "vulkan"  # any vendor's card may have a Vulkan driver


@dataclass(frozen=True, slots=True)
class TierRule:
    """One tier.

    Attributes:
        name: as people write it.
        meaning: one sentence for a person.
        backends: names in ggml's backend registry.
        vendors: whose cards it can use.
        build: what to build the core for, a key of `build_flag`.
        advised_for: vendors for whose unused card this build is the advice; on Windows also `advised_for_windows`.
        facts: fields of a profile without which memory or speed cannot be predicted; "gpus.x" means of every GPU.
    """

    id: Tier
    name: str
    meaning: str
    build: str
    backends: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    advised_for: tuple[str, ...] = ()
    advised_for_windows: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


@cache
def tier_rules() -> tuple[TierRule, ...]:
    """Every tier, the best first; the last is the processor."""
    return tuple(_rule(row) for row in _document()["tiers"])


def tier_rule(tier: Tier) -> TierRule:
    """The rule of one tier."""
    return next(rule for rule in tier_rules() if rule.id == tier)


def best_tier(backends: set[str]) -> Tier:
    """Tier of a machine on which the core uses devices of these backends."""
    rules = tier_rules()
    return next((rule for rule in rules if backends & set(rule.backends)), rules[-1]).id


def advised_tier(vendor: str, *, windows: bool = False) -> TierRule:
    """The tier to build the core for, for a vendor's card that it does not use."""
    rules = tier_rules()
    if windows and (rule := next((rule for rule in rules if vendor in rule.advised_for_windows), None)):
        return rule
    advised = next((rule for rule in rules if vendor in rule.advised_for), None)
    return advised or next(rule for rule in rules if rule.build == FALLBACK_BUILD)


def backends_for(vendor: str) -> set[str]:
    """Backends that would use a card of `vendor`."""
    found = {name for rule in tier_rules() if vendor in rule.vendors for name in rule.backends}
    return found or set(advised_tier(vendor).backends)


def build_flag(build: str) -> str:
    """The CMake option of a build ("cuda", "metal", "native", ...). Raises KeyError for another word."""
    return _document()["build_flags"][build]


def missing_facts(profile: "HardwareProfile") -> tuple[str, ...]:
    """Facts that the profile's tier needs for a prediction and that are unknown, such as "gpus.0.memory_bytes"."""
    return tuple(name for fact in tier_rule(profile.tier).facts for name in _unknown(profile, fact))


def _unknown(profile: "HardwareProfile", fact: str) -> list[str]:
    part, _, name = fact.partition(".")
    if part == "gpus":
        return [f"gpus.{index}.{name}" for index, gpu in enumerate(profile.gpus) if getattr(gpu, name) is None]
    return [fact] if getattr(getattr(profile, part), name) is None else []


def _rule(row: dict[str, Any]) -> TierRule:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return TierRule(**values)


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads((data_folder("hardware_profiles") / FILE_NAME).read_text(encoding="utf-8"))
