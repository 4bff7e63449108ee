"""A JSON schema as a grammar of values in a notation that is not JSON."""

import json
from dataclasses import dataclass
from typing import Any

from labkit.chat.calls.values import resolve
from labkit.chat.grammar import Grammar, either
from labkit.errors import InvalidRequestError

_MAX_DEPTH = 40
_ENFORCED = ("pattern", "format", "minLength", "maxLength", "patternProperties", "dependentRequired", "not", "if")


@dataclass(frozen=True, slots=True)
class Words:
    """What the notation writes for each kind of value."""

    quote: str
    string: str
    true: str = "true"
    false: str = "false"
    null: str = "null"
    comma: str = ","
    colon: str = ":"
    quotes_keys: bool = False

    def written(self, value: Any) -> str:
        """A value in the notation."""
        if isinstance(value, bool) or value is None:
            return self.null if value is None else self.true if value else self.false
        if isinstance(value, str):
            text = json.dumps(value, ensure_ascii=False)[1:-1] if self.string else value
            return f"{self.quote}{text}{self.quote}"
        if isinstance(value, dict):
            inside = self.comma.join(self.key(key) + self.colon + self.written(one) for key, one in value.items())
            return "{" + inside + "}"
        if isinstance(value, list | tuple):
            return "[" + self.comma.join(map(self.written, value)) + "]"
        return json.dumps(value)

    def key(self, key: str) -> str:
        """A key of an object."""
        return self.written(key) if self.quotes_keys else key


class LiteralGrammar:
    """Expressions for the values that a schema allows. Modifies its grammar."""

    def __init__(self, grammar: Grammar, words: Words, root: dict[str, Any], *, is_strict: bool) -> None:
        self._grammar = grammar
        self._words = words
        self._root = root
        self._is_strict = is_strict

    def value(self, schema: Any, depth: int = 0) -> str:
        """An expression for one value. Raises InvalidRequestError for what a strict schema has and we cannot hold."""
        if depth > _MAX_DEPTH:
            raise self._refusal("so many levels")
        if not isinstance(schema, dict):
            return self._any()
        if isinstance(schema.get("$ref"), str):
            return self._reference(schema["$ref"], depth)
        choices = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(choices, list):
            return either([self._grammar.text(self._words.written(choice)) for choice in choices])
        for key in ("anyOf", "oneOf", "allOf"):
            if isinstance(schema.get(key), list):
                if key == "allOf" and len(schema[key]) != 1:
                    raise self._refusal(key)
                return either([self.value(one, depth + 1) for one in schema[key]])
        kinds = _kinds_of(schema)
        return either([self._kind(kind, schema, depth) for kind in kinds]) if kinds else self._any()

    def pairs(self, schema: dict[str, Any], colon: str, depth: int = 0) -> str:
        """An expression for the properties of an object, in their order, with commas between those that are there."""
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return self._any_pairs(colon)
        required = set(schema.get("required") or ())
        written = [
            (f"{self._key(name, colon)} {self.value(one, depth + 1)}", name in required)
            for name, one in properties.items()
        ]
        return self._joined(written)

    def _joined(self, pairs: list[tuple[str, bool]]) -> str:
        """Pairs with commas: `after` what may follow one that is there, `first` what an object may begin with."""
        comma = self._grammar.text(self._words.comma)
        after, first = '""', '""'
        for pair, is_required in reversed(pairs):
            name = self._grammar.rule(pair)
            begun = self._grammar.rule(f"{name} {after}")
            first = begun if is_required else self._grammar.rule(f"{begun} | {first}")
            more = f"{comma} {begun}"
            after = self._grammar.rule(more if is_required else f"{more} | {after}")
        return first if pairs else ""

    def _kind(self, kind: str, schema: dict[str, Any], depth: int) -> str:
        if self._is_strict:
            for key in _ENFORCED:
                if key in schema:
                    raise self._refusal(key)
        words, grammar = self._words, self._grammar
        if kind == "object":
            return f"{grammar.text('{')} {self.pairs(schema, words.colon, depth)} {grammar.text('}')}"
        if kind == "array":
            return self._array(schema, depth)
        if kind == "string":
            return self._string()
        if kind == "boolean":
            return either([grammar.text(words.true), grammar.text(words.false)])
        if kind == "null":
            return grammar.text(words.null)
        if kind in ("integer", "number"):
            bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
            return grammar.json({"type": kind, **{key: schema[key] for key in bounds if key in schema}})
        return self._any()

    def _array(self, schema: dict[str, Any], depth: int) -> str:
        item = self._grammar.rule(self.value(schema.get("items"), depth + 1))
        comma = self._grammar.text(self._words.comma)
        least, most = int(schema.get("minItems", 0)), schema.get("maxItems")
        if most == 0:
            return '"[" "]"'
        times = f"{{{max(least - 1, 0)},{'' if most is None else int(most) - 1}}}"
        items = f"{item} ({comma} {item}){times}"
        return f'"[" {items} "]"' if least else f'"[" ({items})? "]"'

    def _string(self) -> str:
        quote = self._grammar.text(self._words.quote)
        if self._words.string:
            other = self._grammar.pattern(self._words.string.replace('"', "'"))
            return f'({quote} {self._grammar.pattern(self._words.string)} {quote} | "\'" {other} "\'")'
        return f"{quote} {self._grammar.until(self._words.quote)}"

    def _reference(self, reference: str, depth: int) -> str:
        name, is_new = self._grammar.reserve(f"{id(self._root)}{reference}")
        if is_new:
            target = resolve(reference, self._root)
            if target is None:
                raise self._refusal(f"$ref {reference}")
            self._grammar.define(name, self.value(target, depth + 1))
        return name

    def _any(self) -> str:
        name, is_new = self._grammar.reserve("any value")
        if is_new:
            kinds = [self._kind(kind, {}, _MAX_DEPTH - 1) for kind in ("string", "number", "boolean", "null")]
            comma = self._grammar.text(self._words.comma)
            array = f'"[" ({name} ({comma} {name})*)? "]"'
            kinds += [array, f'"{{" {self._any_pairs(self._words.colon)} "}}"']
            self._grammar.define(name, either(kinds))
        return name

    def _any_pairs(self, colon: str) -> str:
        name, is_new = self._grammar.reserve(f"any pairs{colon}")
        if is_new:
            key = self._grammar.pattern("[A-Za-z_][A-Za-z0-9_]{0,63}")
            if self._words.quotes_keys and colon == self._words.colon:
                key = self._string()
            pair = self._grammar.rule(f"{key} {self._grammar.text(colon)} {self._any()}")
            comma = self._grammar.text(self._words.comma)
            self._grammar.define(name, f"({pair} ({comma} {pair})*)?")
        return name

    def _key(self, name: str, colon: str) -> str:
        written = self._words.key(name) if colon == self._words.colon else name
        return self._grammar.text(written + colon)

    def _refusal(self, keyword: str) -> InvalidRequestError:
        return InvalidRequestError(
            f"{keyword!r} in a tool's parameters cannot be held: this model writes arguments in a notation of its own",
            param="tools",
            code="unsupported_schema",
            hint=f"leave {keyword!r} out, or strict: true",
        )


def _kinds_of(schema: dict[str, Any]) -> list[str]:
    kinds = schema.get("type") or ("object" if "properties" in schema else "array" if "items" in schema else [])
    return list(map(str, kinds)) if isinstance(kinds, list) else [str(kinds)]
