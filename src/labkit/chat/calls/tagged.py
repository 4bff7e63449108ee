"""Calls with a tag for each argument, whose value is bare text: the tool's schema says what it stands for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labkit.chat.calls.protocol import Call
from labkit.chat.calls.values import ArgumentTypes, is_json_text, kind_of, kinds_of, resolve
from labkit.chat.grammar import Function, Grammar, either
from labkit.chat.reading import BrokenError, Output, Reading, Source
from labkit.chat.reading.json_text import ends_in_string
from labkit.errors import InvalidRequestError

_MOST_NAME = 256
_LIMITS = ("pattern", "format", "minLength", "maxLength")
_NOT_HELD = ("patternProperties", "dependentRequired", "dependentSchemas", "anyOf", "oneOf", "allOf", "if", "not")


@dataclass(frozen=True, slots=True)
class TaggedCalls:
    """`open` (`start` NAME `name_end` (`key` KEY `key_end` VALUE `value_end`)... `end`)... `close`.

    White space in these texts is written, and demanded where a grammar forces calls; readers do without.

    Attributes:
        open, close: around a call, or around all of them; "" where each stands for itself.
        number: between a name and `name_end` stands the number of the call, and this before it; "" for none.
        key_ends: by what a value is, "text" for a string, "json" for anything else or the name of its type; one entry,
            "any", where the schema has to say.
        between: what stands between two sections, or two calls where there are none.
        is_shared: one section holds all calls.
        starts_bare: some models leave out the section.
    """

    start: str
    name_end: str
    key: str
    key_ends: tuple[tuple[str, str], ...]
    value_end: str
    end: str
    open: str = ""
    close: str = ""
    between: str = ""
    is_shared: bool = False
    starts_bare: bool = False
    number: str = ""

    is_bare = False

    @property
    def stop_after_one(self) -> str:
        """See CallSyntax.stop_after_one."""
        return self.close.strip() if self.open and not self.is_shared else self.end.strip()

    @property
    def openers(self) -> tuple[str, ...]:
        """See CallSyntax.openers."""
        start, opener = self.start.strip(), self.open.strip()
        return tuple(dict.fromkeys(filter(None, (opener, start if self.starts_bare or not opener else ""))))

    def read(self, source: Source, output: Output, opener: str, types: ArgumentTypes) -> Reading[None]:
        """See CallSyntax.read."""
        is_section = bool(self.open) and opener == self.open.strip()
        if is_section:
            yield from source.skip()
            yield from source.expect(self.start.strip())
        while True:
            yield from _TaggedCall(self, source, output, types).read()
            if not is_section:
                return
            yield from source.skip()
            if not (yield from source.accept(self.start.strip())):
                break
        yield from source.expect(self.close.strip())

    def write(self, calls: Sequence[Call]) -> str:
        """See CallSyntax.write."""
        written = [self._written(call, number) for number, call in enumerate(calls, 1)]
        if self.is_shared:
            return self.open + self.between.join(written) + self.close
        return self.between.join(self.open + one + self.close for one in written)

    def forced(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.forced."""
        opener, rest = self._section(grammar, functions, parallel=parallel and self.is_shared)
        section = f"{grammar.loose(opener)} {rest}"
        if not parallel or self.is_shared:
            return section
        one = grammar.rule(section)
        return f"{one} ({grammar.maybe(self.between)} {one})*"

    def offered(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.offered."""
        opener, rest = self._section(grammar, functions, parallel=parallel and self.is_shared)
        break_ = '("\\n")?' if opener.endswith("\n") else ""
        one = grammar.rule(f"{grammar.until(opener.rstrip())} {break_} {rest}")
        return f"{one}{'*' if parallel and not self.is_shared else '?'} {grammar.free()}"

    def _section(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> tuple[str, str]:
        """(the text that opens a section, an expression for the rest of it)."""
        rest = grammar.rule(either([self._rest(grammar, function) for function in functions]))
        if not self.open:
            return self.start, rest
        call = grammar.rule(f"{grammar.text(self.start)} {rest}")
        more = f"({grammar.maybe(self.between)} {call})*" if parallel else ""
        return self.open, f"{call} {more} {grammar.loose(self.close)}"

    def _rest(self, grammar: Grammar, function: Function) -> str:
        """A call after its start."""
        head, end = grammar.loose(function.name + self.name_end), grammar.loose(self.end)
        if self.number:
            number = grammar.pattern("[0-9]{1,3}")
            head = f"{grammar.loose(function.name + self.number)} {number} {grammar.loose(self.name_end)}"
        break_ = "" if self.name_end.strip() else '("\\n")?'
        return grammar.rule(f"{head} {break_} {self._arguments(grammar, function)} {end}")

    def _arguments(self, grammar: Grammar, function: Function) -> str:
        schema = function.language
        properties = schema.get("properties")
        beyond = [key for key in _NOT_HELD if key in schema]
        if not isinstance(properties, dict) or beyond or schema.get("additionalProperties") not in (None, False, True):
            if function.is_held and function.is_strict and (beyond or properties):
                raise _not_held(function.name, beyond[0] if beyond else "additionalProperties")
            return f"{self._any_argument(grammar)}*" if schema.get("properties") != {} else ""
        required = schema.get("required") or ()
        parts = [
            self._argument(grammar, function, key, one) + ("" if key in required else "?")
            for key, one in properties.items()
        ]
        return " ".join(parts)

    def _any_argument(self, grammar: Grammar) -> str:
        ends = either([grammar.loose(end) for end, _ in self.key_ends])
        name = grammar.pattern("[A-Za-z_][A-Za-z0-9_.-]{0,63}")
        return grammar.rule(f"{grammar.text(self.key)} {name} {ends} {self._until_end(grammar)}")

    def _argument(self, grammar: Grammar, function: Function, key: str, schema: Any) -> str:
        root = function.schema
        is_text = "string" in kinds_of(schema, root)
        kind = "string" if is_text else next(iter(sorted(kinds_of(schema, root))), "")
        head = grammar.loose(f"{self.key}{key}{self._key_end(kind)}")
        value = self._text(grammar, function, schema) if is_text else self._json(grammar, schema, root)
        return grammar.rule(f"{head} {value}")

    def _json(self, grammar: Grammar, schema: Any, root: dict[str, Any]) -> str:
        definitions = {key: root[key] for key in ("$defs", "definitions") if key in root}
        return f"{grammar.json({**definitions, **schema})} {grammar.loose(self.value_end)}"

    def _text(self, grammar: Grammar, function: Function, schema: Any) -> str:
        schema = schema if isinstance(schema, dict) else {}
        if isinstance(schema.get("$ref"), str):
            schema = resolve(schema["$ref"], function.schema) or {}
        choices = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(choices, list):
            bare = [grammar.text(_bare(choice)) for choice in choices]
            return f"{either(bare)} {grammar.loose(self.value_end)}"
        limits = [key for key in _LIMITS if key in schema]
        if function.is_strict and limits:
            raise _not_held(function.name, limits[0])
        return self._until_end(grammar)

    def _until_end(self, grammar: Grammar) -> str:
        break_ = '("\\n")?' if self.value_end.endswith("\n") else ""
        return f"{grammar.until(self.value_end.strip())} {break_}".rstrip()

    def _key_end(self, kind: str) -> str:
        """What stands between a key and a value of a JSON type."""
        by_kind = {kind: end for end, kind in self.key_ends}
        kind = "number" if kind == "integer" else kind
        return by_kind.get(kind) or by_kind.get("text" if kind == "string" else "json") or self.key_ends[0][0]

    def _written(self, call: Call, number: int) -> str:
        parts = [
            self.key + key + self._key_end(kind_of(value)) + _bare(value) + self.value_end
            for key, value in call.arguments.items()
        ]
        numbered = f"{self.number}{number}" if self.number else ""
        return "".join((self.start, call.name, numbered, self.name_end, *parts, self.end))


class _TaggedCall:
    """Reads one call, after its start."""

    def __init__(self, syntax: TaggedCalls, source: Source, output: Output, types: ArgumentTypes) -> None:
        self._syntax = syntax
        self._source = source
        self._output = output
        self._types = types
        self._num_arguments = 0

    def read(self) -> Reading[None]:
        """Take the rest of the call. Raises BrokenError."""
        syntax, source = self._syntax, self._source
        key, end = syntax.key.strip(), syntax.end.strip()
        name_end = syntax.name_end.strip() or "\n"
        ends = (syntax.number,) if syntax.number else (name_end, key, end)
        name, marker = yield from source.collect(ends, _MOST_NAME)
        if not name.strip() or "<" in name:
            raise BrokenError
        if syntax.number:
            number, _ = yield from source.collect((name_end,), _MOST_NAME)
            if not number.strip().isdecimal():
                raise BrokenError
        elif marker != name_end:
            source.put_back(marker)
        self._output.call(name.strip())
        source.mark()
        while True:
            yield from source.skip()
            if not (yield from source.accept(key)):
                break
            yield from self._argument(name.strip())
        yield from source.expect(end)
        self._give("}" if self._num_arguments else "{}")

    def _argument(self, function: str) -> Reading[None]:
        syntax, source = self._syntax, self._source
        ends = {_bare_end(end): (end, kind) for end, kind in syntax.key_ends}
        key, found = yield from source.collect(tuple(ends), _MOST_NAME)
        end, kind = ends[found]
        yield from self._open_value(end)
        is_text = kind == "text" if len(ends) > 1 else self._types.is_text(function, key)
        is_json = not is_text and len(ends) > 1
        head = ("{" if not self._num_arguments else ", ") + json.dumps(key, ensure_ascii=False) + ": "
        self._num_arguments += 1
        value = _Value(trims=syntax.value_end.startswith("\n"))
        if is_text:
            self._give(head + '"')
            yield from source.until((syntax.value_end.strip(),), lambda text: self._text(value.feed(text)))
            self._give('"')
        else:
            text = value.feed((yield from source.quoting(syntax.value_end.strip(), _is_inside_json)))
            self._give(head + (text if is_json and is_json_text(text) else self._types.json_of(function, key, text)))

    def _open_value(self, key_end: str) -> Reading[None]:
        """What stands between the end of a key and its value."""
        rest = key_end[len(_bare_end(key_end)) :]
        if rest.strip():
            yield from self._source.skip()
            yield from self._source.expect(rest.strip())
        elif rest:
            yield from self._source.accept("\n")

    def _text(self, text: str) -> None:
        self._output.string_part(text)
        self._source.mark()

    def _give(self, text: str) -> None:
        self._output.arguments(text)
        self._source.mark()


class _Value:
    """An argument's text, less the one line break that belongs to its end. Modifies itself."""

    def __init__(self, *, trims: bool) -> None:
        self._trims = trims
        self._held = ""

    def feed(self, text: str) -> str:
        """What is certain to be part of the value."""
        text = self._held + text
        self._held = ""
        if self._trims and text.endswith("\n"):
            text, self._held = text[:-1], "\n"
        return text


def _is_inside_json(text: str) -> bool:
    """Whether what follows `text` is still in a string of an object or a list."""
    return text.lstrip()[:1] in ("{", "[") and ends_in_string(text)


def _bare_end(key_end: str) -> str:
    """The first marker of what ends a key: `</arg_key>`, where `<arg_value>` follows."""
    at = key_end.find("><")
    first = key_end.split("\n")[0]
    return first if at < 0 or len(first) <= at else key_end[: at + 1]


def _bare(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _not_held(function: str, keyword: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{keyword!r} in the parameters of {function} cannot be held: this model writes arguments as bare text",
        param="tools",
        code="unsupported_schema",
        hint=f"leave {keyword!r} out, or strict: true",
    )
