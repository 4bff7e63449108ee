"""What one operation takes and gives, as its API's table says it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from labkit.api.dialects import Dialect

Method = Literal["get", "post", "delete", "head"]
JSON = "application/json"
# What any request may meet, before a route sees it or in it. 499 is for clients that left: nobody reads it.
ALWAYS = (401, 403, 429, 500)
# And one with a body, or one that asks a model.
WITH_BODY = (400, 413, 415)
WITH_MODEL = (400, 404, 500, 502, 503, 507)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        also: other paths of the same operation.
        answer: the JSON object of the answer; None for one without a body, or that is no JSON.
        other_answers: media types of the answer that are no JSON (a stream, a text), with a word on what they hold.
        refused: fields of the body that are known and honoured with these values only (null is always one).
        harmless: fields of the body without effect.
        by_hand: fields that must be there and that no schema reads, with the JSON schema of each.
        errors: statuses of errors, beside ALWAYS.
        statuses: further statuses that come with `answer`.
        path_parameters: names, with what each holds.
        query: parameters of the query, by name: JSON schema of each.
        is_open: no API key is asked for, whoever asks.
    """

    method: Method
    path: str
    summary: str
    dialect: Dialect
    tag: str
    also: tuple[str, ...] = ()
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    other_answers: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    harmless: frozenset[str] = frozenset()
    by_hand: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    statuses: tuple[int, ...] = ()
    success: int = 200
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    is_open: bool = False

    @property
    def all_errors(self) -> tuple[int, ...]:
        """Every status of an error, in order."""
        return tuple(sorted({*ALWAYS, *self.errors, *(WITH_BODY if self.body or self.method == "post" else ())}))
