"""Known models with sourced facts: sizes, licenses, scores, files and their hashes."""

from labkit.catalog.architecture import architecture
from labkit.catalog.catalog import Catalog, load_catalog, nearest, quantizations, read_catalog
from labkit.catalog.licenses import License, LicenseFilter, find_license, licenses, parse_license_filter
from labkit.catalog.provenance import by_trust, uploader, uploader_words
from labkit.catalog.types import Attention, CatalogFile, CatalogModel, Family, QuantizationFacts, Score, Shape

__all__ = [
    "Attention",
    "Catalog",
    "CatalogFile",
    "CatalogModel",
    "Family",
    "License",
    "LicenseFilter",
    "QuantizationFacts",
    "Score",
    "Shape",
    "architecture",
    "by_trust",
    "find_license",
    "licenses",
    "load_catalog",
    "nearest",
    "parse_license_filter",
    "quantizations",
    "read_catalog",
    "uploader",
    "uploader_words",
]
