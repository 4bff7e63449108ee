"""Models on this machine: names to files."""

from labkit.store.describe import Description, describe
from labkit.store.layout import StoreLayout
from labkit.store.local import (
    EMBEDDED_ALIASES,
    EMBEDDED_NAME,
    embedded,
    find_downloaded,
    find_stored,
    list_models,
    present_files,
    pull_command,
    resolve,
)
from labkit.store.manifest import Check, Manifest, ManifestFile
from labkit.store.store import Listing, Store, open_store

__all__ = [
    "EMBEDDED_ALIASES",
    "EMBEDDED_NAME",
    "Check",
    "Description",
    "Listing",
    "Manifest",
    "ManifestFile",
    "Store",
    "StoreLayout",
    "describe",
    "embedded",
    "find_downloaded",
    "find_stored",
    "list_models",
    "open_store",
    "present_files",
    "pull_command",
    "resolve",
]
