"""What a probe brings back: a value, where its facts come from, and what was wrong on the way."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from labkit.hardware.profile import FactSource, Problem

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding(Generic[T]):
    """A probe's answer. `sources` is keyed by field of `value`; unknown fields are not in it."""

    value: T
    sources: Mapping[str, FactSource] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def reported_by(value: Any, source: str, **exceptions: str) -> dict[str, FactSource]:
    """A source for every known field of dataclass `value`; `exceptions` names another one for a field."""
    return {
        entry.name: FactSource("reported", exceptions.get(entry.name, source))
        for entry in dataclasses.fields(value)
        if getattr(value, entry.name) not in (None, (), "")
    }


def facts_of(values: Sequence[Any], source: str) -> dict[str, FactSource]:
    """A source for every known field of each of `values`, keyed "<index>.<field>"."""
    facts = [reported_by(value, source) for value in values]
    return {f"{index}.{name}": fact for index, own in enumerate(facts) for name, fact in own.items()}
