"""Everything known of one model, from its file and from the catalogue."""

from dataclasses import dataclass

from labkit.catalog import CatalogModel, load_catalog
from labkit.errors import ModelNotFoundError
from labkit.gguf import FileFacts, file_facts, validate
from labkit.model import ModelRef
from labkit.settings import Settings
from labkit.store.local import resolve
from labkit.store.manifest import Manifest
from labkit.store.store import open_store


@dataclass(frozen=True, slots=True)
class Description:
    """A model on this machine (`ref` and `facts`), a known one (`known`), or both; `manifest` of one in the store."""

    ref: ModelRef | None
    facts: FileFacts | None
    known: CatalogModel | None
    manifest: Manifest | None = None


def describe(name_or_path: str, settings: Settings) -> Description:
    """Facts of the model that `name_or_path` means. Reads the header of one file.

    Raises ModelNotFoundError when it is neither here nor known, InvalidModelFileError for a damaged file.
    """
    known = load_catalog(settings.catalog_folder).find(name_or_path)
    manifest = open_store(settings).find(name_or_path)
    try:
        ref = resolve(name_or_path, settings)
    except ModelNotFoundError:
        if known is None and manifest is None:
            raise
        return Description(None, None, known, manifest)
    manifest = manifest if ref.source == "store" else None
    return Description(ref, file_facts(validate(ref.path)), known, manifest)
