"""Writing a grammar in llguidance's Lark, with a model's own tokens for the markers it has."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.chat.closing import closed

Spell = Callable[[str], Sequence[str | int]]
"""A text as a vocabulary has it: the ids of its markers, and the text between them."""
FREE = "TEXT"
_FREE_RULE = r"/(?s:.*)/"
_SPACE = r"/[ \t\n]{0,8}/"
_JSON_FORM = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
_ANY_OBJECT: dict[str, Any] = {"type": "object"}
_NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class Function:
    """A function that may be called.

    Attributes:
        schema: of its arguments.
        is_held: whether the arguments must satisfy it; else they are any object.
        is_strict: whether a part of the schema that cannot be held is an error.
    """

    name: str
    schema: dict[str, Any]
    is_held: bool = True
    is_strict: bool = False

    @classmethod
    def of(cls, tool: dict[str, Any], *, is_held: bool) -> "Function":
        """From an OpenAI tool definition; one without parameters has none."""
        function = tool["function"]
        schema = closed(function.get("parameters") or _NOTHING)
        return cls(function["name"], schema, is_held, is_strict=bool(function.get("strict")))

    @property
    def language(self) -> dict[str, Any]:
        """The schema that its arguments are held to."""
        return self.schema if self.is_held else _ANY_OBJECT


class Grammar:
    """Rules of one grammar. Modifies itself; expressions are text for the right side of a rule."""

    def __init__(self, spell: Spell) -> None:
        self._spell = spell
        self._rules: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Exactly `text`, its markers as tokens."""
        return " ".join(_token(part) if isinstance(part, int) else _quoted(part) for part in self._spell(text))

    def maybe(self, text: str) -> str:
        """`text` or nothing; nothing for an empty one."""
        return f"({self.text(text)})?" if text else ""

    def loose(self, text: str) -> str:
        """`text`, with or without each of its line breaks: templates of one family differ in them."""
        parts = [self.text(part) for part in text.split("\n")]
        return ' ("\\n")? '.join(parts).strip()

    def space(self) -> str:
        """Some white space, or none."""
        return self.terminal("SPACE", _SPACE)

    def free(self) -> str:
        """Any text without a marker that is a token."""
        return self.terminal(FREE, _FREE_RULE)

    def until(self, marker: str) -> str:
        """Any text, and then `marker`."""
        parts = list(self._spell(marker))
        token = next((at for at, part in enumerate(parts) if isinstance(part, int)), None)
        tail = " ".join(_token(part) if isinstance(part, int) else _quoted(part) for part in parts[(token or 0) :])
        if token is not None:  # free text reaches up to it, white space that should stand before it included
            return f"{self.free()} {tail}"
        return self.rule(f"{self.free()} {tail}", options="[lazy]")

    def json(self, schema: dict[str, Any]) -> str:
        """A JSON value of `schema`, as models write JSON. References are to the schema's own definitions."""
        return self.rule("%json " + json.dumps({**schema, "x-guidance": _JSON_FORM}))

    def rule(self, expression: str, options: str = "") -> str:
        """The name of a rule for `expression`; the same one for the same expression."""
        key = options + expression
        if key not in self._names:
            self._names[key] = f"r{len(self._names)}"
            self._rules[self._names[key]] = f"{self._names[key]}{options}: {expression}"
        return self._names[key]

    def reserve(self, key: str) -> tuple[str, bool]:
        """(name of a rule that may refer to itself, whether it is new and has to be defined)."""
        is_new = key not in self._names
        return self._names.setdefault(key, f"r{len(self._names)}"), is_new

    def define(self, name: str, expression: str) -> None:
        """Say what a reserved name is."""
        self._rules[name] = f"{name}: {expression}"

    def terminal(self, name: str, expression: str) -> str:
        """A rule for a regular expression; `name` in capitals."""
        self._rules[name] = f"{name}: {expression}"
        return name

    def pattern(self, regex: str) -> str:
        """Text that matches `regex` (without slashes and line breaks)."""
        key = f"/{regex}/"
        if key not in self._names:
            self._names[key] = f"T{len(self._names)}"
        return self.terminal(self._names[key], key)

    def write(self, start: str) -> str:
        """The whole grammar for an answer that is `start`."""
        return "\n".join((f"start: {start}", *self._rules.values(), ""))


def either(expressions: Sequence[str]) -> str:
    """One of them."""
    return expressions[0] if len(expressions) == 1 else f"({' | '.join(expressions)})"


def _token(token: int) -> str:
    return f"<[{token}]>"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
