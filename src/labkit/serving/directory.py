"""Names that clients use, and what each means: a model, an adapter of one, or another name for either. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labkit.catalog import nearest
from labkit.errors import InputError, ModelNotFoundError
from labkit.serving.plan import ServedModel

NUM_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Place:
    """What a name means.

    Attributes:
        model: the name of the model that answers.
        adapter: applied at scale 1, where the name is an adapter's.
    """

    model: str
    adapter: str | None = None


class Directory:
    """Every name that can be asked for."""

    def __init__(self, models: Iterable[ServedModel], aliases: Mapping[str, str]) -> None:
        self._places: dict[str, Place] = {}
        self._other: dict[str, Place] = {}
        models = tuple(models)
        for model in models:
            self._places[model.ref.name] = Place(model.ref.name)
        for model in models:
            for adapter, _ in model.adapters:
                self._places.setdefault(adapter, Place(model.ref.name, adapter))
            for alias in model.aliases:
                self._other.setdefault(alias, Place(model.ref.name))
        for alias, name in aliases.items():
            if (place := self.find(name)) is not None:
                self._other[alias] = place
        for name, place in self._places.items():
            self._other.setdefault(name.casefold(), place)
            self._other.setdefault(name.partition(":")[0].casefold(), place)

    @property
    def names(self) -> tuple[str, ...]:
        """Names that are listed: of models, then of adapters."""
        return tuple(self._places)

    def find(self, name: str) -> Place | None:
        """What `name` means: exactly, in other letters' case, or a model's name without its quantization."""
        return self._places.get(name) or self._other.get(name) or self._other.get(name.casefold())

    def get(self, name: str) -> Place:
        """As `find`. Raises ModelNotFoundError with the nearest names."""
        place = self.find(name)
        if place is None:
            raise unknown(name, self.names, [*self.names, *self._other])
        return place


def unknown(name: str, listed: Iterable[str], names: Iterable[str]) -> ModelNotFoundError:
    """The error for a name that means nothing here."""
    near = nearest(name, names)
    shown = list(listed)
    others = f" and {len(shown) - NUM_SHOWN} more (GET /v1/models)" if len(shown) > NUM_SHOWN else ""
    return ModelNotFoundError(
        name[:200], near, hint="" if near else f"served here: {', '.join(shown[:NUM_SHOWN]) or 'nothing'}{others}"
    )


def unknown_adapter(name: str, model: str, adapters: Iterable[str]) -> ModelNotFoundError:
    """The error for an adapter that a model has not."""
    known = tuple(adapters)
    near = nearest(name, known)
    hint = "" if near else f"its adapters: {', '.join(known)}" if known else "start it with --adapter NAME=FILE.gguf"
    return ModelNotFoundError(name[:200], near, hint=hint, message=f"'{model}' has no adapter named '{name[:200]}'")


def check_names(models: Iterable[ServedModel], aliases: Mapping[str, str]) -> None:
    """Raise InputError where one name would mean two things, or an alias nothing that is known from the start."""
    seen: dict[str, str] = {}
    models = tuple(models)
    named = [(model.ref.name, "a model") for model in models]
    named += [(name, f"an adapter of {model.ref.name}") for model in models for name, _ in model.adapters]
    named += [(alias, f"another name of {name}") for alias, name in aliases.items()]
    for name, what in named:
        if name in seen:
            hint = "name each model once" if seen[name] == what else "give one of them another name"
            twice = f"{what} is named twice" if seen[name] == what else f"'{name}' is {seen[name]} and {what}"
            raise InputError(f"{twice}: {name}" if seen[name] == what else twice, hint=hint)
        seen[name] = what


def check_aliases(directory: Directory, aliases: Mapping[str, str]) -> None:
    """Raise ModelNotFoundError for an alias of nothing."""
    for alias, name in aliases.items():
        if directory.find(name) is None:
            near = nearest(name, directory.names)
            raise ModelNotFoundError(
                name,
                near,
                message=f"'{alias}' is to be another name of '{name}', which is not served",
                hint="" if near else f"served here: {', '.join(directory.names)}",
            )
