"""A worker's command line: every field of EngineConfig as an option, in both directions."""

import argparse
import types
import typing
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from labkit.engine.types import EngineConfig


def options_of(config: EngineConfig) -> tuple[str, ...]:
    """What `add_options` reads back as `config`: the fields that differ from their defaults."""
    default = EngineConfig()
    return tuple(
        f"{_option(field.name)}={getattr(config, field.name)}"
        for field in fields(EngineConfig)
        if getattr(config, field.name) != getattr(default, field.name)
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """An option for every field of EngineConfig, with its default."""
    hints = typing.get_type_hints(EngineConfig)
    for field in fields(EngineConfig):
        kind, choices = _kind(hints[field.name])
        parser.add_argument(_option(field.name), type=kind, choices=choices, default=field.default)


def config_of(arguments: argparse.Namespace) -> EngineConfig:
    """The EngineConfig that was given."""
    return EngineConfig(**{field.name: getattr(arguments, field.name) for field in fields(EngineConfig)})


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _kind(hint: Any) -> tuple[Callable[[str], Any], tuple[str, ...] | None]:
    """What reads a value of this type, and the values allowed. None is said by leaving the option out."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is typing.Literal:
        return str, typing.get_args(hint)
    if hint is bool:
        return {"True": True, "False": False}.__getitem__, None
    if hint not in (int, float, str, Path):
        raise TypeError(f"a field of type {hint} needs a way to the command line")
    return hint, None
