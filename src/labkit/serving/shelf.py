"""The models that can be asked for: those that were named, and with the whole store whatever comes to this machine."""

import dataclasses
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

from labkit import gguf, store
from labkit.engine.types import EngineConfig
from labkit.errors import LabkitError
from labkit.gguf import file_facts
from labkit.model import ModelRef
from labkit.serving.fit import estimate
from labkit.serving.load_breaker import FileIdentity, identity_of
from labkit.serving.plan import EndpointPlan, ModelOptions, ServedModel
from labkit.settings import Settings

_logger = logging.getLogger("labkit.serving")


def find_model(name: str, settings: Settings) -> ServedModel:
    """The model of that name, or the GGUF file at that path, validated."""
    ref = store.resolve(name, settings)
    names = {name, *(store.EMBEDDED_ALIASES if ref == store.embedded() else ())}
    aliases = tuple(sorted(names - {ref.name}))
    return ServedModel(ref, file_facts(gguf.validate(ref.path)), aliases, digest=digest_of(ref, settings))


def digest_of(ref: ModelRef, settings: Settings) -> str | None:
    """sha256 of a model's first file, where it is on record or quickly had; None elsewhere."""
    if ref.source == "embedded":
        return hashlib.sha256(ref.path.read_bytes()).hexdigest()
    if ref.source != "store":
        return None
    manifest = store.open_store(settings).find(ref.name)
    return manifest.model_files[0].sha256 if manifest else None


class Shelf:
    """Reads folders again when they change. Its methods block; one thread at a time calls them."""

    def __init__(self, plan: EndpointPlan) -> None:
        self._plan = plan
        self._known: dict[str, tuple[FileIdentity | None, ServedModel | None]] = {}
        self._unreadable: set[Path] = set()

    def stamp(self) -> tuple[object, ...]:
        """What changes when a model comes or goes: times of the folders, and files that may still be written."""
        settings = self._plan.settings
        if settings is None:
            return ()
        folders = [store.StoreLayout(settings.store_folder).manifests, settings.models_folder]
        folders += [path for path in settings.models_folder.rglob("*") if path.is_dir()]
        return (*map(_changed, folders), *map(identity_of, sorted(self._unreadable)))

    def models(self) -> tuple[ServedModel, ...]:
        """Those that were named, then the others of this machine by name. Unreadable files are left out."""
        named = self._plan.models
        settings = self._plan.settings
        if settings is None or not self._plan.whole_store:
            return named
        paths = {model.ref.path.resolve() for model in named}
        names = {model.ref.name for model in named}
        others = (ref for ref in store.list_models(settings) if ref.name not in names)
        return (*named, *self._readable((ref for ref in others if ref.path.resolve() not in paths), settings))

    def _readable(self, refs: Iterator[ModelRef], settings: Settings) -> Iterator[ServedModel]:
        for ref in refs:
            identity = identity_of(ref.path)
            known = self._known.get(ref.name)
            if known is None or known[0] != identity:
                known = self._known[ref.name] = (identity, self._read(ref, settings))
            if known[1] is not None:
                yield known[1]

    def _read(self, ref: ModelRef, settings: Settings) -> ServedModel | None:
        try:
            model = ServedModel(ref, file_facts(gguf.validate(ref.path)), digest=digest_of(ref, settings), stays=False)
        except LabkitError as error:
            _logger.warning("%s is not served: %s", ref.name, error.message)
            self._unreadable.add(ref.path)
            return None
        self._unreadable.discard(ref.path)
        if ref.source == "embedded":
            model = dataclasses.replace(model, aliases=tuple(set(store.EMBEDDED_ALIASES) - {ref.name}))
        return with_options(model, self._plan.options.get(ref.name), self._plan.engine)


def with_options(model: ServedModel, options: ModelOptions | None, engine: EngineConfig) -> ServedModel:
    """The model as it is to be served, with what it takes where formulas over its header can say."""
    model = model.with_options(options or ModelOptions())
    return model if model.facts.architecture.layers is None else dataclasses.replace(
        model, estimate=estimate(model, engine)
    )  # fmt: skip


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
