"""Limits on the text of a constraint, checked before any parser sees it.

llguidance ends most of what is too expensive by counters of its own, but not all: its recursions have no bottom, and
some of its loops are quadratic or worse. What is refused here was seen to crash it or to take it more than a second.
"""

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal, DecimalException
from typing import Any

from labkit.engine.native.grammar.refusals import check_at_most, not_honoured

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 64
MAX_REPETITIONS = 20_000
MAX_QUANTIFIERS = 1_000
MAX_SUBSCHEMAS = 5_000
MAX_VALUES = 25_000
MAX_PROPERTIES = 1_000
MAX_MULTIPLE = 100_000
"""Of `multipleOf`, as a whole number without trailing zeros: an automaton counts remainders."""

_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)
_COUNT = re.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")


def check_size(text: str, param: str, limit: int = MAX_CHARACTERS) -> None:
    """Raise InvalidRequestError when `text` is longer than `limit`."""
    check_at_most(limit, len(text), "characters", param)


def check_regex(pattern: str, param: str, *, most: int = MAX_REPETITIONS) -> None:
    """Raise InvalidRequestError for a regular expression whose automaton would be huge."""
    counts = [int(number[:20]) for pair in _COUNT.findall(pattern) for number in pair if number]
    check_at_most(most, max(counts, default=0), "repetitions in one regular expression", param)
    quantifiers = sum(map(pattern.count, "*+?{"))
    check_at_most(MAX_QUANTIFIERS, quantifiers, "quantifiers in one regular expression", param)


def read_json(text: str, param: str) -> Any:
    """The value of a JSON text that is neither too long nor nested too deeply. Raises InvalidRequestError."""
    check_size(text, param)
    depth = deepest = 0
    for match in _BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        deepest = max(deepest, depth)
    check_at_most(MAX_DEPTH, deepest, "levels of nesting", param)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise not_honoured(param, f"it is not valid JSON: {error}") from None


def check_schema(schema: object, param: str) -> None:
    """Raise InvalidRequestError for a JSON schema (already read) that would take too long or too much memory."""
    values = subschemas = 0
    multiple = 1
    for value in _walk(schema):
        values += 1
        if not isinstance(value, dict):
            continue
        subschemas += 1
        for key in ("properties", "required", "patternProperties"):
            if isinstance(value.get(key), (dict, list)):
                check_at_most(MAX_PROPERTIES, len(value[key]), f"entries of '{key}'", param)
        for pattern in _patterns(value):
            check_regex(pattern, param)
        multiple = math.lcm(multiple, _whole(value.get("multipleOf")))
        check_at_most(MAX_MULTIPLE, multiple, "as the common multiple of every multipleOf", param)
    check_at_most(MAX_VALUES, values, "JSON values", param)
    check_at_most(MAX_SUBSCHEMAS, subschemas, "JSON objects", param)


def _walk(root: object) -> Iterator[object]:
    stack = [root]
    while stack:
        value = stack.pop()
        yield value
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _patterns(schema: dict[str, Any]) -> Iterator[str]:
    if isinstance(schema.get("pattern"), str):
        yield schema["pattern"]
    if isinstance(schema.get("patternProperties"), dict):
        yield from schema["patternProperties"]


def _whole(multiple: object) -> int:
    """The digits of a `multipleOf`: 0.25 -> 25, 3000 -> 3."""
    if isinstance(multiple, bool) or not isinstance(multiple, (int, float)) or multiple == 0:
        return 1
    try:
        return int("".join(map(str, Decimal(str(multiple)).normalize().as_tuple().digits)))
    except (DecimalException, ValueError):
        return MAX_MULTIPLE + 1


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
