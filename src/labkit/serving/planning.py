"""From names and wishes to a plan: every model found and validated, every name with one meaning, memory asked about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from labkit.access.policy import AccessPolicy
from labkit.engine.types import EngineConfig
from labkit.errors import InputError
from labkit.serving.directory import Directory, check_aliases, check_names
from labkit.serving.fit import require_fit
from labkit.serving.observing import Observing
from labkit.serving.plan import DRAIN_SECONDS, KEEP_ALIVE_SECONDS, EndpointPlan, ModelOptions, ServedModel
from labkit.serving.shelf import find_model
from labkit.settings import Settings, ensure_writable


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a person asks of an endpoint, beside the models' names. None and empty leave the defaults.

    Attributes:
        adapters: NAME or MODEL/NAME, and the file.
        preload: all named models are loaded at the start, and stay.
        keep_alive_seconds: infinity until another model needs the memory.
        whole_store: serve every model on this machine, beside the named ones.
        models: how single models are served, by the names they were given.
    """

    host: str | None = None
    port: int | None = None
    engine: EngineConfig = field(default_factory=EngineConfig)
    adapters: Sequence[tuple[str, Path]] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    preload: bool = False
    keep_alive_seconds: float | None = None
    memory_limit_bytes: int | None = None
    drain_seconds: float = DRAIN_SECONDS
    whole_store: bool = False
    models: Mapping[str, ModelOptions] = field(default_factory=dict)
    access: AccessPolicy = field(default_factory=AccessPolicy)
    observing: Observing = field(default_factory=Observing)


def plan_endpoint(
    names: Sequence[str],
    settings: Settings,
    *,
    host: str | None = None,
    port: int | None = None,
    engine: EngineConfig | None = None,
    adapters: Sequence[tuple[str, Path]] = (),
) -> EndpointPlan:
    """A plan for some models; one alone is loaded at the start. Raises what `plan_wishes` raises."""
    wishes = Wishes(host=host, port=port, engine=engine or EngineConfig(), adapters=adapters)
    return plan_wishes(names, settings, wishes)


def plan_wishes(names: Sequence[str], settings: Settings, wishes: Wishes) -> EndpointPlan:
    """Find and validate every model, and prove that logs can be written. Loads and binds nothing.

    A single model is loaded at the start and stays, unless it is said for how long; several are loaded on first use.
    Raises ModelNotFoundError, InvalidModelFileError, InsufficientMemoryError, DataFolderError, InputError.
    """
    stays = wishes.preload or (len(names) == 1 and wishes.keep_alive_seconds is None and not wishes.whole_store)
    models = tuple(_model(name, settings, wishes, stays=stays) for name in names)
    check_names(models, wishes.aliases)
    models = _with_adapters(models, settings, wishes)
    check_names(models, wishes.aliases)
    if not wishes.whole_store:
        check_aliases(Directory(models, {}), wishes.aliases)
    return EndpointPlan(
        models=_fitting(models, wishes, settings),
        logs_folder=ensure_writable(settings.data_folder / "logs"),
        host=settings.host if wishes.host is None else wishes.host,
        port=settings.port if wishes.port is None else wishes.port,
        engine=wishes.engine,
        drain_seconds=wishes.drain_seconds,
        aliases=dict(wishes.aliases),
        keep_alive_seconds=KEEP_ALIVE_SECONDS if wishes.keep_alive_seconds is None else wishes.keep_alive_seconds,
        memory_limit_bytes=wishes.memory_limit_bytes,
        settings=settings,
        whole_store=wishes.whole_store,
        options=dict(wishes.models),
        access=wishes.access,
        observing=wishes.observing,
    )


def _model(name: str, settings: Settings, wishes: Wishes, *, stays: bool) -> ServedModel:
    model = find_model(name, settings)
    options = wishes.models.get(name) or wishes.models.get(model.ref.name) or ModelOptions()
    return model.with_options(replace(options, stays=options.stays or stays))


def _with_adapters(models: Sequence[ServedModel], settings: Settings, wishes: Wishes) -> tuple[ServedModel, ...]:
    """Each adapter at its model. One that is named for a model of the store makes that a named one, too."""
    found = {model.ref.name: model for model in models}
    for name, path in wishes.adapters:
        owner, _, short = name.rpartition("/")
        if not owner and len(found) != 1:
            raise InputError(
                f"the adapter '{name}' belongs to one model, and {len(found) or 'none'} are named",
                hint=f"say which: --adapter MODEL/{name}={path.name}",
            )
        model = _owner(owner, found, settings, wishes)
        if any(short == other for other, _ in model.adapters):
            raise InputError(f"an adapter is named twice: {short}", hint="give each a name of its own")
        found[model.ref.name] = replace(model, adapters=(*model.adapters, (short, path)))
    return tuple(found.values())


def _owner(name: str, found: Mapping[str, ServedModel], settings: Settings, wishes: Wishes) -> ServedModel:
    if not name:
        return next(iter(found.values()))
    place = Directory(found.values(), {}).find(name)
    if place is not None:
        return found[place.model]
    if wishes.whole_store:
        return _model(name, settings, wishes, stays=False)
    raise InputError(f"'{name}' has an adapter and is not served", hint=f"served here: {', '.join(found)}")


def _fitting(models: Sequence[ServedModel], wishes: Wishes, settings: Settings) -> tuple[ServedModel, ...]:
    """With what each takes. Those that stay must fit together, each other one beside them."""
    limit = wishes.memory_limit_bytes
    staying = [model for model in models if model.stays]
    found = dict(
        zip(
            (model.ref.name for model in staying),
            require_fit(staying, wishes.engine, settings, limit_bytes=limit),
            strict=True,
        )
    )
    for model in models:
        if not model.stays:
            *_, found[model.ref.name] = require_fit([*staying, model], wishes.engine, settings, limit_bytes=limit)
    return tuple(replace(model, estimate=found[model.ref.name]) for model in models)
