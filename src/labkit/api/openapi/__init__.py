"""The endpoint described for machines: one table of operations for each API, and the OpenAPI document made of them."""

from labkit.api.openapi.document import build_document
from labkit.api.openapi.operations import Operation

__all__ = ["Operation", "build_document"]
