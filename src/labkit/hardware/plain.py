"""Dataclasses from plain values, strictly: for the small files that labkit writes for itself.

pydantic does the same with better messages and takes a tenth of a second to load, which every quick command would
pay. Files that people write are read with it (`labkit.hardware.document`).
"""

import dataclasses
import types
import typing
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def from_plain(kind: type[T], value: Any) -> T:
    """A dataclass of `kind` from lists, dicts and scalars. Raises ValueError for a missing, unknown or wrong field."""
    return _read(kind, value)


def _read(kind: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _read_dataclass(kind, value)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _read_union(arguments, value)
    if origin is tuple and isinstance(value, list):
        return tuple(_read(arguments[0], item) for item in value)
    if origin is dict and isinstance(value, dict):
        return {_read(arguments[0], key): _read(arguments[1], item) for key, item in value.items()}
    if origin is typing.Literal and value in arguments:
        return value
    if kind is Any or (kind is not float and isinstance(kind, type) and type(value) is kind):
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise ValueError(f"{value!r} is not {kind}")


def _read_dataclass(kind: type[Any], value: Any) -> Any:
    fields = _types(kind)
    if not isinstance(value, dict) or not value.keys() <= fields.keys():
        raise ValueError(f"not a {kind.__name__}")
    try:
        return kind(**{name: _read(fields[name], item) for name, item in value.items()})
    except TypeError as error:  # a field without a default is missing
        raise ValueError(str(error)) from error


def _read_union(arguments: tuple[Any, ...], value: Any) -> Any:
    if value is None and type(None) in arguments:
        return None
    for argument in arguments:
        try:
            return _read(argument, value)
        except ValueError:
            continue
    raise ValueError(f"{value!r} is none of {arguments}")


@cache
def _types(kind: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}
