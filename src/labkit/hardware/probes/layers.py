"""One answer from several sources: each fact from the best that knows it."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from labkit.hardware.probes.finding import reported_by
from labkit.hardware.profile import Cpu, FactSource, Memory

T = TypeVar("T", Cpu, Memory)


def first_known(layers: Sequence[tuple[T, str]]) -> tuple[T, dict[str, FactSource]]:
    """The value whose fields are each the first layer's that knows them, and the source of each.

    Args:
        layers: (value, name of its source), the best first; at least one.
    """
    facts: dict[str, Any] = {}
    sources: dict[str, FactSource] = {}
    for value, source in layers:
        for name, fact in reported_by(value, source).items():
            if name not in sources:
                facts[name], sources[name] = getattr(value, name), fact
    return dataclasses.replace(layers[0][0], **facts), sources
