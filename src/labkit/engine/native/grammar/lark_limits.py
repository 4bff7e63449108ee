"""Limits on a Lark grammar: number and depth of rules, repetitions, and the schemas and expressions inside it."""

import re

from labkit.engine.native.grammar.chains import longest_chain
from labkit.engine.native.grammar.limits import MAX_REPETITIONS, check_regex, check_schema, check_size, read_json
from labkit.engine.native.grammar.refusals import check_at_most, not_honoured

MAX_RULES = 2_000
MAX_SYMBOLS = 10_000
MAX_NESTING = 30
MAX_CHAIN = 100
"""Rules that refer to one another in a row: an error at the end of a chain is wrapped once per link, in cubic time."""
MAX_OPERATORS = 4
"""Of `&` and `~`, whose automata multiply."""
MAX_OPERAND_REPETITIONS = 50

_LITERAL = re.compile(
    r"""(?P<comment>(?://|\#)[^\n]*)|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<regex>/(?:[^/\\\n]|\\.)+/)|(?P<json>%json\b)""",
)
_JSON_PART = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)
_DEFINITION = re.compile(r"^[ \t]*[?!]*([A-Za-z_][\w-]*)[ \t]*(?:\.[ \t]*-?\d+)?[ \t]*(?:\[[^\]\n]*\])?[ \t]*:", re.M)
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_COUNT = re.compile(r"(?:[{,~]|\.\.)\s*(\d+)")
_OPERATOR = re.compile(r"&|~(?!\s*\d)")


def check_lark(text: str, param: str) -> None:
    """Raise InvalidRequestError for a grammar that could crash or stall llguidance."""
    check_size(text, param)
    bare, literals, regexes = _strip(text, param)
    _check_nesting(bare, param)
    operators = len(_OPERATOR.findall(bare))
    check_at_most(MAX_OPERATORS, operators, "of the operators & and ~", param)
    for regex in regexes:
        check_regex(regex, param, most=MAX_OPERAND_REPETITIONS if operators else MAX_REPETITIONS)
    for number in _COUNT.findall(bare):
        check_at_most(MAX_REPETITIONS, int(number[:20]), "repetitions", param)
    references = _references(bare)
    check_at_most(MAX_RULES, len(references), "rules", param)
    check_at_most(MAX_SYMBOLS, literals + sum(map(len, references.values())), "symbols", param)
    check_at_most(MAX_CHAIN, longest_chain(references), "rules that refer to one another in a row", param)


def _strip(text: str, param: str) -> tuple[str, int, list[str]]:
    """(grammar without literals, comments and schemas, number of literals, regular expressions); checks schemas."""
    bare: list[str] = []
    regexes: list[str] = []
    position = literals = 0
    while (match := _LITERAL.search(text, position)) is not None:
        bare.append(text[position : match.start()])
        position = match.end()
        if match["comment"] is None:
            literals += 1
            bare.append(' "" ')
        if match["regex"]:
            regexes.append(match["regex"])
        if match["json"]:
            position = _end_of_json(text, position, param)
            check_schema(read_json(text[match.end() : position], param), param)
    bare.append(text[position:])
    return "".join(bare), literals, regexes


def _end_of_json(text: str, start: int, param: str) -> int:
    depth = 0
    for part in _JSON_PART.finditer(text, start):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(part[0], 0)
        if depth <= 0:
            return part.end()
    raise not_honoured(param, "the JSON after %json does not end")


def _check_nesting(bare: str, param: str) -> None:
    depth = deepest = 0
    for character in bare:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    check_at_most(MAX_NESTING, deepest, "levels of nesting", param)


def _references(bare: str) -> dict[str, tuple[str, ...]]:
    """Which rules each rule refers to. Names defined nowhere are left to llguidance."""
    definitions = list(_DEFINITION.finditer(bare))
    ends = [*(following.start() for following in definitions[1:]), len(bare)]
    bodies: dict[str, str] = {}
    for found, end in zip(definitions, ends, strict=False):
        bodies[found[1]] = bodies.get(found[1], "") + bare[found.end() : end]
    return {name: tuple(ref for ref in _NAME.findall(body) if ref in bodies) for name, body in bodies.items()}
