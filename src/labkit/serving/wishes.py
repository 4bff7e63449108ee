"""From a configuration file, and what was typed over it, to wishes: what was typed wins."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.access.policy import AccessPolicy
from labkit.engine.types import EngineConfig
from labkit.serving.config import ConfigFile, ModelTable
from labkit.serving.observing import Observing
from labkit.serving.plan import DRAIN_SECONDS, ModelOptions
from labkit.serving.planning import Wishes
from labkit.settings import Settings

_ENGINE_FIELDS = {
    "ctx": "context_tokens",
    "slots": "num_slots",
    "threads": "num_threads",
    "itl_target": "itl_target_seconds",
    "cache_size": "cache_bytes",
    "host_cache": "host_cache_bytes",
    "disk_cache": "disk_cache_bytes",
    "max_wait": "max_wait_seconds",
}
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed on the command line, by the names of the file's keys; nothing that was left out is in it.

    Attributes:
        endpoint: keys of the file's top level.
        adapters: NAME or MODEL/NAME, and the file.
    """

    models: tuple[str, ...] = ()
    endpoint: Values = field(default_factory=dict)
    engine: Values = field(default_factory=dict)
    access: Values = field(default_factory=dict)
    observing: Values = field(default_factory=dict)
    adapters: tuple[tuple[str, Path], ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)


def wishes_of(config: ConfigFile, typed: Typed, settings: Settings) -> tuple[tuple[str, ...], Wishes]:
    """Names of models, and how they are to be served. Without any name, every model on this machine is served.

    Models that were typed stand for those of the file, whose tables then only say how. Raises InputError.
    """
    top: dict[str, Any] = {**config.given(), **typed.endpoint}
    names = typed.models or tuple(model.name for model in config.models)
    is_all = typed.endpoint.get("all", not typed.models and bool(config.all))
    wishes = Wishes(
        host=top.get("host"),
        port=top.get("port"),
        engine=engine_config({**config.engine.given(), **typed.engine}, settings),
        adapters=typed.adapters,
        aliases={**_aliases(config, names, is_typed=bool(typed.models)), **typed.aliases},
        preload=bool(top.get("preload")),
        keep_alive_seconds=top.get("keep_alive"),
        memory_limit_bytes=top.get("memory_limit"),
        drain_seconds=top.get("drain", DRAIN_SECONDS),
        whole_store=bool(is_all) or not names,
        models={model.name: _options(model, config, typed, settings) for model in config.models},
        access=_made(AccessPolicy, config.access, typed.access, folder=settings.access_folder),
        observing=_made(Observing, config.observing, typed.observing),
    )
    return names, wishes


def engine_config(values: Values, settings: Settings) -> EngineConfig:
    """From keys of the file's engine table. Raises InputError where they do not go together."""
    given = {_ENGINE_FIELDS.get(name, name): value for name, value in values.items() if value is not None}
    if given.get("disk_cache_bytes"):
        given.setdefault("disk_cache_folder", settings.prefixes_folder.absolute())
    if given.get("draft_model"):
        given.setdefault("speculation", "draft")
    return EngineConfig(**given)


def _options(model: ModelTable, config: ConfigFile, typed: Typed, settings: Settings) -> ModelOptions:
    own = model.engine.given()
    engine = engine_config({**config.engine.given(), **own, **typed.engine}, settings) if own else None
    keep_alive = typed.endpoint.get("keep_alive", model.keep_alive)
    return ModelOptions(
        engine=engine,
        adapters=tuple(model.adapters.items()),
        stays=model.preload,
        keep_alive_seconds=keep_alive,
    )


def _aliases(config: ConfigFile, names: tuple[str, ...], *, is_typed: bool) -> dict[str, str]:
    """Of the file; without those of models that were not typed."""
    found = dict(config.aliases)
    for model in config.models:
        found |= dict.fromkeys(model.aliases, model.name)
    adapters = [name for model in config.models if model.name in names for name in model.adapters]
    served = {*names, *adapters}
    return {alias: name for alias, name in found.items() if name in served} if is_typed else found


def _made(kind: type, table: Any, typed: Values, **fixed: Any) -> Any:
    """The dataclass of a table, from what is given in the file and what was typed."""
    given = {name: value for name, value in {**table.given(), **typed}.items() if value is not None}
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    return dataclasses.replace(kind(), **{**given, **lists, **fixed})
