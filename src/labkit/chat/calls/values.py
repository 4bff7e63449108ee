"""Arguments that a model writes as bare text: which JSON value a text stands for, by the tool's schema."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from labkit.chat.reading import BrokenError, Source
from labkit.chat.reading.literals import Notation, read_literal

_KINDS: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
}
_ALL = frozenset({"string", "boolean", "integer", "number", "object", "array", "null"})
_MAX_DEPTH = 16
_BRACKETS = ("[", "{")


class ArgumentTypes:
    """What the arguments of each tool may be."""

    def __init__(self, tools: Iterable[Mapping[str, Any]] = ()) -> None:
        """`tools` are OpenAI tool definitions."""
        self._parameters = {
            str(function["name"]): function.get("parameters") or {}
            for function in (tool.get("function", tool) for tool in tools)
        }

    def __contains__(self, function: object) -> bool:
        """Whether there is such a tool."""
        return function in self._parameters

    def is_text(self, function: str, argument: str) -> bool:
        """Whether the argument is a string and nothing else, so that its text can be given while it is written."""
        return self._kinds(function, argument) == {"string"}

    def json_of(self, function: str, argument: str, text: str) -> str:
        """The JSON text of an argument's value that was written as `text`."""
        kinds = self._kinds(function, argument)
        if kinds != {"string"}:
            value, is_json = _parsed(text)
            if is_json and (kind_of(value) in kinds or (kind_of(value) == "integer" and "number" in kinds)):
                return text.strip()
            if "boolean" in kinds and text.strip() in ("True", "False"):
                return text.strip().lower()
            if is_json and "string" not in kinds:
                return text.strip()
            if kinds & {"array", "object"} and (found := literal_json(text)) is not None:
                return found
        return json.dumps(text, ensure_ascii=False)

    def _kinds(self, function: str, argument: str) -> frozenset[str]:
        root = self._parameters.get(function, {})
        properties = root.get("properties")
        schema = properties.get(argument) if isinstance(properties, dict) else None
        return kinds_of(schema, root)


def kinds_of(schema: Any, root: Mapping[str, Any], depth: int = 0) -> frozenset[str]:
    """JSON types that a schema allows, "integer" apart from "number"; all of them where it does not say."""
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return _ALL
    if isinstance(schema.get("$ref"), str):
        return kinds_of(resolve(schema["$ref"], root), root, depth + 1)
    found = schema.get("type")
    if isinstance(found, str):
        return frozenset({found})
    if isinstance(found, list):
        return frozenset(map(str, found))
    if "const" in schema:
        return frozenset({kind_of(schema["const"])})
    if isinstance(schema.get("enum"), list):
        return frozenset(map(kind_of, schema["enum"]))
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list):
            return frozenset().union(*(kinds_of(one, root, depth + 1) for one in schema[key])) or _ALL
    return _ALL


def resolve(reference: str, root: Mapping[str, Any]) -> Any:
    """What a local reference such as "#/$defs/place" points at; None where that is nothing."""
    found: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def literal_json(text: str) -> str | None:
    """JSON of a Python list or dict, as some templates write them and their models too; None for anything else."""
    if not text.strip().startswith(_BRACKETS):
        return None
    source, parts = Source(), list[str]()
    source.text, source.is_over = text, True
    try:
        for _ in read_literal(source, parts.append, Notation()):
            return None
    except BrokenError:
        return None
    return "".join(parts) if not source.text.strip() else None


def kind_of(value: Any) -> str:
    """The JSON type of a value, "integer" apart from "number"."""
    return _KINDS.get(type(value), "null")


def is_json_text(text: str) -> bool:
    """Whether `text` is one JSON value."""
    return _parsed(text)[1]


def _parsed(text: str) -> tuple[Any, bool]:
    try:
        return json.loads(text, parse_constant=_refuse), True
    except (ValueError, RecursionError):
        return None, False


def _refuse(name: str) -> None:
    raise ValueError(name)
