"""Schemas of arguments and answers without room for names that were not declared."""

from typing import Any

_OPEN_WORDS = frozenset({"additionalProperties", "unevaluatedProperties", "patternProperties", "$ref"})
_JOINING_WORDS = frozenset({"allOf", "if", "not", "dependentSchemas", "$dynamicRef"})
"""Where schemas are joined, one may declare what another does not: these are left as they are."""
_SCHEMAS = ("items", "additionalProperties")
_LISTS = ("anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "$defs", "definitions", "patternProperties")


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema`, where an object that declares its properties has no others unless it says so.

    JSON Schema means the opposite, but functions are called with what they declare, clients read what they declare,
    and everything that satisfies this schema satisfies the given one. Does not modify it.
    """
    return schema if _joins(schema) else _closed(schema)


def _closed(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for word in _SCHEMAS:
        if word in found:
            found[word] = _closed(found[word])
    for word in _LISTS:
        if isinstance(found.get(word), list):
            found[word] = [_closed(one) for one in found[word]]
    for word in _MAPS:
        if isinstance(found.get(word), dict):
            found[word] = {name: _closed(one) for name, one in found[word].items()}
    if "properties" in found and not (_OPEN_WORDS | set(_LISTS[:2])) & set(found):
        found["additionalProperties"] = False
    return found


def _joins(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(_joins(one) for one in schema)
    if not isinstance(schema, dict):
        return False
    return bool(_JOINING_WORDS & set(schema)) or any(_joins(one) for one in schema.values())
