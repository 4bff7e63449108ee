"""Models on this machine: names to files."""

from labkit.store.describe import Description, describe
from labkit.store.local import (
    EMBEDDED_ALIASES,
    EMBEDDED_NAME,
    download_command,
    embedded,
    find_downloaded,
    list_models,
    preferred_file,
    resolve,
)

__all__ = [
    "EMBEDDED_ALIASES",
    "EMBEDDED_NAME",
    "Description",
    "describe",
    "download_command",
    "embedded",
    "find_downloaded",
    "list_models",
    "preferred_file",
    "resolve",
]
