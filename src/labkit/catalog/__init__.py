"""Known models with sourced facts: sizes, licenses, scores, files and their hashes."""

from labkit.catalog.architecture import architecture
from labkit.catalog.catalog import Catalog, load_catalog, nearest, quantizations, read_catalog
from labkit.catalog.types import Attention, CatalogFile, CatalogModel, QuantizationFacts, Score, Shape

__all__ = [
    "Attention",
    "Catalog",
    "CatalogFile",
    "CatalogModel",
    "QuantizationFacts",
    "Score",
    "Shape",
    "architecture",
    "load_catalog",
    "nearest",
    "quantizations",
    "read_catalog",
]
