"""Which fields of a body, at whatever depth, no schema knows."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

Known = Mapping[str, tuple[type[BaseModel], ...]]


def unknown_fields(raw: object, *kinds: type[BaseModel], place: str = "") -> Iterator[str]:
    """Names of the fields of `raw` that are set and that none of `kinds` has, as paths: "messages[].mood"."""
    if isinstance(raw, list):
        for item in raw:
            yield from unknown_fields(item, *kinds, place=f"{place}[]")
    elif isinstance(raw, Mapping) and kinds:
        known = _fields(kinds)
        for name, value in raw.items():
            path = f"{place}.{name}" if place else str(name)
            if name not in known:
                if value is not None:
                    yield path
            elif known[name]:
                yield from unknown_fields(value, *known[name], place=path)


@cache
def _fields(kinds: tuple[type[BaseModel], ...]) -> Known:
    """Fields by the name that clients write, each with the schemas that its value may have."""
    found: dict[str, tuple[type[BaseModel], ...]] = {}
    for kind in kinds:
        for name, field in kind.model_fields.items():
            written = field.alias or name
            found[written] = (*found.get(written, ()), *_models(field.annotation))
    return found


def _models(annotation: Any) -> tuple[type[BaseModel], ...]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(model for part in get_args(annotation) for model in _models(part))
