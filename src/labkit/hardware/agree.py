"""Facts that several profiles share: where they differ, nothing is known. Pure."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from labkit.hardware.profile import HardwareProfile


def agree(profiles: Sequence[HardwareProfile]) -> HardwareProfile:
    """One profile with what all of them say; lists keep the places that all have. Needs at least one profile."""
    first, *others = profiles
    if not others:
        return first
    common = _common(profiles)
    problems = [one for one in first.problems if all(one in other.problems for other in others)]
    sources = {
        path: fact
        for path, fact in first.sources.items()
        if all(other.sources.get(path) == fact for other in others) and _at(common, path) not in (None, (), "")
    }
    return dataclasses.replace(common, problems=tuple(problems), sources=sources)


def agree_on_values(documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The same for plain values: a key whose values differ is None."""
    first = documents[0]
    return {key: value if all(other.get(key) == value for other in documents) else None for key, value in first.items()}


def _common(values: Sequence[Any]) -> Any:
    first = values[0]
    if dataclasses.is_dataclass(first) and not isinstance(first, type) and all(type(v) is type(first) for v in values):
        names = [entry.name for entry in dataclasses.fields(first)]
        return type(first)(**{name: _common_field(first, name, values) for name in names})
    if isinstance(first, tuple) and all(isinstance(value, tuple) for value in values):
        if not any(map(dataclasses.is_dataclass, first)):
            return tuple(item for item in first if all(item in value for value in values))
        shared = [_common(group) for group in zip(*values, strict=False)]
        return tuple(item for item in shared if any(value is not None for value in _values(item)))
    return first if all(value == first for value in values) else None


def _common_field(first: Any, name: str, values: Sequence[Any]) -> Any:
    found = [getattr(value, name) for value in values]
    if name == "tier" and len(set(found)) > 1:
        return "cpu"
    if name in ("problems", "sources"):
        return getattr(first, name)
    return _common(found)


def _values(item: Any) -> list[Any]:
    return [getattr(item, entry.name) for entry in dataclasses.fields(item)]


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(value, tuple):
            value = value[int(part)] if part.isdecimal() and int(part) < len(value) else None
        else:
            value = getattr(value, part, None)
    return value
