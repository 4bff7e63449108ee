"""From what a person types, "qwen3-8b" or "qwen3-8b:Q6_K", to a model and a quantization."""

from labkit.catalog import Catalog, CatalogModel, nearest, quantizations
from labkit.errors import InputError


def find_named(text: str, catalog: Catalog) -> tuple[CatalogModel, str | None]:
    """The model of an id, or of the repository it was published in, and the quantization behind a colon.

    Raises ModelNotFoundError and InputError, each with the nearest names.
    """
    name, _, quantization = text.partition(":")
    known = quantizations()
    wanted = quantization.upper()
    if quantization and wanted not in known:
        near = nearest(wanted, known)
        hint = f"did you mean {' or '.join(near)}?" if near else f"one of: {', '.join(known)}"
        raise InputError(f"'{quantization}' is not a quantization", hint=hint)
    return _by_repository(name, catalog) or catalog.get(name), wanted or None


def _by_repository(name: str, catalog: Catalog) -> CatalogModel | None:
    wanted = name.casefold()
    if "/" not in wanted:
        return None
    return next((model for model in catalog.models if (model.source_repo or "").casefold() == wanted), None)
