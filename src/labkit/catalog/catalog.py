"""Looking up known models: the shipped rows, and those a user drops into `catalog/` of the data folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from labkit.catalog.types import CatalogModel, QuantizationFacts
from labkit.errors import InputError, ModelNotFoundError

SHIPPED = Path(__file__).parent / "data"
NUM_SUGGESTIONS = 3
MIN_SIMILARITY = 60.0  # of 100


@dataclass(frozen=True, slots=True)
class Catalog:
    """Known models by id, and the sources their facts were read in.

    Attributes:
        as_of: day of the shipped facts.
        sources: what a source written @key stands for.
    """

    models: tuple[CatalogModel, ...]
    sources: dict[str, str]
    as_of: str

    def get(self, model_id: str) -> CatalogModel:
        """The model of that id, in any case. Raises ModelNotFoundError with the nearest ids."""
        found = self.find(model_id)
        if found is None:
            raise ModelNotFoundError(model_id, nearest(model_id, (model.id for model in self.models)))
        return found

    def find(self, model_id: str) -> CatalogModel | None:
        """The model of that id, in any case, or None."""
        wanted = model_id.casefold()
        return next((model for model in self.models if model.id.casefold() == wanted), None)

    def spell_source(self, source: str) -> str:
        """A source with its @key written out."""
        if not source.startswith("@"):
            return source
        key, _, rest = source[1:].partition(" ")
        return " ".join(filter(None, (self.sources.get(key, source), rest)))


def load_catalog(user_folder: Path | None = None) -> Catalog:
    """The shipped catalogue, with the rows of every *.json in `user_folder` put over it.

    Raises InputError that lists every problem of a user's file.
    """
    shipped = _shipped()
    if user_folder is None or not user_folder.is_dir():
        return shipped
    models = {model.id: model for model in shipped.models}
    sources = dict(shipped.sources)
    for path in sorted(user_folder.glob("*.json")):
        added = read_catalog(path)
        models |= {model.id: model for model in added.models}
        sources |= added.sources
    return Catalog(tuple(models.values()), sources, shipped.as_of)


def read_catalog(path: Path) -> Catalog:
    """One catalogue file, checked strictly. Raises InputError that lists every problem."""
    rows: Catalog = _read(path, Catalog)
    ids = [model.id for model in rows.models]
    if doubled := sorted({model_id for model_id in ids if ids.count(model_id) > 1}):
        raise _problems(path, [f"the id '{model_id}' stands in it twice" for model_id in doubled])
    return rows


@cache
def quantizations() -> dict[str, QuantizationFacts]:
    """Cost and loss of each quantization, by name."""
    table: _QuantizationTable = _read(SHIPPED / "quantizations.json", _QuantizationTable)
    return {facts.name: facts for facts in table.quantizations}


def nearest(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names most like `name`, best first, at most three; none when nothing is near."""
    wanted = _letters(name)
    ranked = sorted(
        ((_similarity(wanted, _letters(other)), other) for other in set(names)), key=lambda row: (-row[0], row[1])
    )
    return tuple(other for similarity, other in ranked[:NUM_SUGGESTIONS] if similarity >= MIN_SIMILARITY)


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _similarity(wanted: str, other: str) -> float:
    # A typing error keeps the whole alike; a name typed short is wholly inside the longer one.
    from rapidfuzz import fuzz

    return (fuzz.ratio(wanted, other) + fuzz.partial_ratio(wanted, other)) / 2


@dataclass(frozen=True, slots=True)
class _QuantizationTable:
    quantizations: tuple[QuantizationFacts, ...]


@cache
def _shipped() -> Catalog:
    return read_catalog(SHIPPED / "models.json")


def _read(path: Path, kind: type) -> Any:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="check its permissions") from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors(include_url=False)]
        raise _problems(path, problems) from error


def _problems(path: Path, problems: list[str]) -> InputError:
    listed = "\n".join(f"  - {problem.lstrip(': ')}" for problem in problems)
    return InputError(f"{path} is not a valid catalogue:\n{listed}", hint="correct these lines, or move the file away")
