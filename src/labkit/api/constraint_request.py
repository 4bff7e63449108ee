"""Which language an answer must belong to, out of the fields in which OpenAI, vLLM and llama-server ask for one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from labkit.api.schemas.generation import GenerationBody, ResponseFormat, StructuredOutputs
from labkit.engine.types import Constraint, ConstraintKind
from labkit.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Language:
    """A language that the answer must belong to, and the field that asks for it.

    Attributes:
        schema: a JSON schema, {} for any JSON object; None where the language is another one.
        kind, text: of the Constraint, for the others.
    """

    param: str
    schema: dict[str, Any] | None = None
    kind: ConstraintKind = "json_schema"
    text: str = ""

    def constraint(self) -> Constraint:
        """As the engine takes it, for an answer that is nothing else."""
        if self.schema is None:
            return Constraint(self.kind, self.text, self.param)
        if not self.schema:
            return Constraint("json_object", "", self.param)
        return Constraint("json_schema", json.dumps(self.schema), self.param)


def language_of(body: GenerationBody) -> Language | None:
    """The one language that is asked for. Raises InvalidRequestError when several fields ask."""
    found = list(_languages(body))
    if len(found) > 1:
        first, second = found[0].param, found[1].param
        raise InvalidRequestError(f"{first} and {second} cannot both be honoured", param=first)
    return found[0] if found else None


def _languages(body: GenerationBody) -> Iterator[Language]:
    if body.grammar:
        yield Language("grammar", kind="gbnf", text=body.grammar)
    if body.guided_grammar:
        yield Language("guided_grammar", kind="gbnf", text=body.guided_grammar)
    if body.guided_regex:
        yield Language("guided_regex", kind="regex", text=body.guided_regex)
    if body.guided_choice:
        yield Language("guided_choice", kind="choice", text=json.dumps(body.guided_choice))
    if body.guided_json not in (None, ""):
        yield Language("guided_json", _schema(body.guided_json, "guided_json"))
    if body.json_schema is not None:
        yield Language("json_schema", body.json_schema)
    if body.structured_outputs:
        yield from _structured(body.structured_outputs)
    if body.response_format and body.response_format.type != "text":
        yield Language("response_format", _format_schema(body.response_format))


def _structured(wanted: StructuredOutputs) -> Iterator[Language]:
    place = "structured_outputs"
    if wanted.json_ not in (None, ""):
        yield Language(f"{place}.json", _schema(wanted.json_, f"{place}.json"))
    if wanted.json_object:
        yield Language(f"{place}.json_object", {})
    if wanted.regex:
        yield Language(f"{place}.regex", kind="regex", text=wanted.regex)
    if wanted.choice:
        yield Language(f"{place}.choice", kind="choice", text=json.dumps(wanted.choice))
    if wanted.grammar:
        yield Language(f"{place}.grammar", kind="gbnf", text=wanted.grammar)


def _format_schema(wanted: ResponseFormat) -> dict[str, Any]:
    if wanted.type == "json_object":
        return wanted.schema_ or {}
    if wanted.json_schema is not None:
        return wanted.json_schema.schema_
    if wanted.schema_ is not None:
        return wanted.schema_
    place = "response_format.json_schema"
    raise InvalidRequestError("response_format json_schema needs json_schema.schema", param=place)


def _schema(given: dict[str, Any] | str | None, place: str) -> dict[str, Any]:
    """vLLM takes a schema as an object, or as JSON text."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = None
    if not isinstance(given, dict):
        raise InvalidRequestError(f"{place} is not a JSON schema", param=place)
    return given
