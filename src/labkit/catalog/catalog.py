"""Looking up known models: the shipped rows, and those a user drops into `catalog/` of the data folder."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from labkit.catalog.reading import CatalogDocument, read_document, shipped_document, shipped_quantizations, user_files
from labkit.catalog.types import CatalogModel, Family, QuantizationFacts
from labkit.errors import InputError, ModelNotFoundError

NUM_SUGGESTIONS = 3
MIN_SIMILARITY = 60.0  # of 100


@dataclass(frozen=True, slots=True)
class Catalog:
    """Known models by id, and the sources their facts were read in.

    Attributes:
        as_of: day of the shipped facts.
        sources: what a source written @key stands for.
        families: lineage and generation of each family; one that is not here is a lineage of its own.
    """

    models: tuple[CatalogModel, ...]
    sources: dict[str, str]
    as_of: str
    families: dict[str, Family] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

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

    def family(self, model: CatalogModel) -> Family:
        """Lineage and generation of a model."""
        return self.families.get(model.family) or Family(model.family, 1)

    def spell_source(self, source: str) -> str:
        """A source with its @key written out."""
        if not source.startswith("@"):
            return source
        key, _, rest = source[1:].partition(" ")
        tail = key[len(key.rstrip(";,")) :]
        return " ".join(filter(None, (self.sources.get(key.rstrip(";,"), source) + tail, rest)))

    def spell_sources(self, text: str) -> str:
        """Several sources, separated by semicolons, each written out."""
        return "; ".join(self.spell_source(part.strip()) for part in text.split(";"))


def load_catalog(user_folder: Path | None = None) -> Catalog:
    """The shipped catalogue, with the rows of every .json and .toml in `user_folder` put over it.

    Raises InputError that lists every problem of every file.
    """
    shipped = _shipped()
    paths = user_files(user_folder) if user_folder is not None else []
    if not paths:
        return shipped
    models = {model.id: model for model in shipped.models}
    sources, families = dict(shipped.sources), dict(shipped.families)
    refusals: list[InputError] = []
    for path in paths:
        try:
            added = read_document(path)
        except InputError as error:
            refusals.append(error)
            continue
        models |= {model.id: model for model in added.models}
        sources |= added.sources
        families |= added.families
    if refusals:
        raise InputError("\n".join(error.message for error in refusals), hint=refusals[0].hint)
    return Catalog(tuple(models.values()), sources, shipped.as_of, families, shipped.notes)


def read_catalog(path: Path) -> Catalog:
    """One catalogue file, checked strictly. Raises InputError that lists every problem."""
    return _catalog(read_document(path))


def quantizations() -> dict[str, QuantizationFacts]:
    """Cost and loss of each quantization, by name."""
    return shipped_quantizations()


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


@cache
def _shipped() -> Catalog:
    return _catalog(shipped_document())


def _catalog(document: CatalogDocument) -> Catalog:
    return Catalog(document.models, document.sources, document.as_of, document.families, document.notes)
