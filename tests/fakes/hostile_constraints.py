"""Constraints made to crash, stall or fill the native parser; each was seen to do so, or is a near relative."""

import json

from labkit.engine.types import Constraint


def schema(value: object) -> Constraint:
    """A constraint of a JSON schema, given as a value."""
    return Constraint("json_schema", json.dumps(value))


def chain(length: int, last: str, rule: str = "r{next}", start: str = "r0") -> str:
    """A Lark grammar of rules that each refer to the next one."""
    name = start[0]
    rules = [f"{name}{n}: " + rule.replace("{next}", str(n + 1)) for n in range(length)]
    return "\n".join([f"start: {start}", *rules, f"{name}{length}: {last}", ""])


def definitions(length: int, one: object, last: object) -> dict[str, object]:
    """A schema of definitions that each refer to the next one, where `one` says "NEXT"."""
    text = json.dumps(one)
    found = {f"a{n}": json.loads(text.replace('"NEXT"', f'{{"$ref": "#/$defs/a{n + 1}"}}')) for n in range(length)}
    return {"$defs": {**found, f"a{length}": last}, "$ref": "#/$defs/a0"}


def nested_schema(depth: int) -> str:
    """A schema of arrays of arrays, as text."""
    return '{"items":' * depth + "{}" + "}" * depth


REFUSED = {
    # text
    "a megabyte": Constraint("regex", "a" * 2**20),
    "not JSON": Constraint("json_schema", "{"),
    "not a schema": Constraint("json_schema", "[1]"),
    "a number": Constraint("json_schema", "5"),
    "an integer of 10,000 digits": Constraint("json_schema", '{"maximum": ' + "9" * 10_000 + "}"),
    "infinity": Constraint("json_schema", '{"maximum": Infinity}'),
    "half a character": Constraint("choice", '["\\ud800"]'),
    # nesting
    "schema depth 400": Constraint("json_schema", nested_schema(400)),
    "schema depth 60,000": Constraint("json_schema", nested_schema(60_000)),
    "lark of 60,000 parentheses": Constraint("lark", "start: " + "(" * 60_000 + '"a"' + ")" * 60_000),
    "regex of 60,000 parentheses": Constraint("regex", "(" * 60_000 + "a" + ")" * 60_000),
    "gbnf of 60,000 parentheses": Constraint("gbnf", "root ::= " + "(" * 30_000 + '"a"' + ")" * 30_000),
    "gbnf of 2,000 parentheses": Constraint("gbnf", "root ::= " + "(" * 2_000 + '"a"' + ")" * 2_000),
    "choice depth 60,000": Constraint("choice", "[" * 60_000 + "]" * 60_000),
    "pattern of 300 parentheses": schema({"type": "string", "pattern": "(" * 300 + "a" + ")" * 300}),
    "schema in lark, depth 3,000": Constraint("lark", "start: a\na: %json " + nested_schema(3_000)),
    # chains
    "100,000 chained rules": Constraint("lark", chain(10_000, '"a"')),
    "5,000 chained rules": Constraint("lark", chain(5_000, '"a"')),
    "5,000 chained terminals": Constraint("lark", chain(5_000, '"a"', 'R{next} "b"', "R0")),
    "500 chained rules, the last one broken": Constraint("lark", chain(500, "/(/")),
    "500 chained rules to nowhere": Constraint("lark", chain(500, "nowhere")),
    "2,000 chained rules in gbnf": Constraint(
        "gbnf", "root ::= r0\n" + "".join(f"r{n} ::= r{n + 1}\n" for n in range(2_000)) + 'r2000 ::= "a"\n'
    ),
    "20,000 rules in a ring": Constraint("lark", chain(3_000, "r0")),
    "6,000 definitions": schema(definitions(6_000, {"items": "NEXT"}, {"type": "string"})),
    # repetition
    "regex {1000000}": Constraint("regex", "a{1000000}"),
    "regex {1000000} later": Constraint("regex", "(x|y)a{1000000}"),
    "regex, three nested thousands": Constraint("regex", "((a{1000}){1000}){1000}"),
    "lark, two nested thousands": Constraint("lark", 'start: A\nA: B{1000}\nB: C{1000}\nC: "a"'),
    "lark {1000000}": Constraint("lark", 'start: ("a" "b"){1000000}'),
    "gbnf {1000000}": Constraint("gbnf", 'root ::= ("a" "b"){1000000}'),
    "pattern {1000000}": schema({"type": "string", "pattern": "^a{1000000}$"}),
    "pattern in lark": Constraint("lark", 'start: %json {"type": "string", "pattern": "^a{1000000}$"}'),
    "5,000 stars": Constraint("regex", "(a|b)*" * 5_000),
    "exponential rules": Constraint("lark", chain(60, '"a"', "r{next} r{next}")),
    "exponential terminals": Constraint("lark", chain(60, '"a"', "R{next} R{next}", "R0")),
    "minItems of 10 million": schema({"type": "array", "items": {"const": 1}, "minItems": 10**7}),
    # size
    "20,000 symbols in a row": Constraint("lark", "start: " + " ".join(f'"a{n}"' for n in range(20_000))),
    "8,000 properties": schema({"type": "object", "properties": {f"k{n}": {"type": "string"} for n in range(8_000)}}),
    "100,000 strings to choose from": schema({"enum": ["a"] * 100_000}),
    "a great multiple": schema({"type": "integer", "multipleOf": 999_983}),
    "two multiples": schema({"allOf": [{"type": "integer", "multipleOf": n} for n in (9973, 9967)]}),
    "a multiple of many digits": schema({"type": "number", "multipleOf": 0.123456789}),
    "intersections": Constraint("lark", "start: A\nA: " + " & ".join(f"/.*a.{{{n}}}b.*/" for n in range(1, 21))),
    "long intersections": Constraint("lark", "start: A\nA: /.*a.{300}b.*/ & /.*b.{301}a.*/ & /.*c.{302}c.*/"),
    "intersected patterns": schema(
        {"allOf": [{"type": "string", "pattern": f"^.*{letter}.{{50}}$"} for letter in "abcdefgh"]}
    ),
    "ambiguity": Constraint("lark", "start: e\ne: " + " | ".join("e " * n for n in range(2, 200)) + ' | "a"'),
    "combinations": schema(
        {
            "allOf": [
                {"anyOf": [{"properties": {f"a{one}{two}": {"type": "string"}}} for two in range(10)]}
                for one in range(8)
            ]
        }
    ),
    # no language
    "a schema that is itself": schema({"$ref": "#"}),
    "two that are each other": schema(
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    ),
    "an object that needs itself": schema({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}),
    "nowhere": schema({"$ref": "#/nowhere"}),
    "another server's": schema({"$ref": "http://127.0.0.1:9/schema.json"}),
    "a file": schema({"$ref": "file:///etc/hostname"}),
    "no number": schema({"type": "integer", "minimum": 5, "maximum": 4}),
    "no such type": schema({"type": "objekt"}),
    "false": Constraint("json_schema", "false"),
    "only itself": Constraint("lark", "start: start"),
    "no start": Constraint("lark", 'other: "a"'),
    "broken lark": Constraint("lark", "start: ("),
    "gbnf as lark": Constraint("lark", "root ::= ("),
    "broken gbnf": Constraint("gbnf", "root ::= ("),
    "gbnf without root": Constraint("gbnf", 'other ::= "a"'),
    "gbnf to nowhere": Constraint("gbnf", "root ::= nowhere"),
    "empty lark": Constraint("lark", ""),
    "empty gbnf": Constraint("gbnf", ""),
    "empty regex": Constraint("regex", ""),
    "empty choice": Constraint("choice", "[]"),
    "only nothing to choose": Constraint("choice", '[""]'),
    "a choice of numbers": Constraint("choice", "[1, 2]"),
    "a choice that is no list": Constraint("choice", '{"a": 1}'),
    "broken regex": Constraint("regex", "(a"),
    "look-ahead": Constraint("regex", "(?=a).*"),
    "back-reference": Constraint("regex", r"(a)\1"),
    "look-ahead in a pattern": schema({"type": "string", "pattern": "^(?=a).*$"}),
    "an unsupported keyword": schema({"type": "array", "uniqueItems": True}),
    "the schema's own leniency": schema({"type": "array", "uniqueItems": True, "x-guidance": {"lenient": True}}),
    "an unfinished schema in lark": Constraint("lark", 'start: %json {"type": "string"'),
}
"""By what is wrong with them."""

ACCEPTED = {
    "1,600 nested definitions": schema(
        definitions(400, {"items": {"items": {"items": {"items": "NEXT"}}}}, {"type": "string"})
    ),
    "99 chained rules": Constraint("lark", chain(97, '"a"')),
    "maxItems of 10 million": schema({"type": "array", "items": {"type": "integer"}, "maxItems": 10**7}),
    "minItems of 10 million": schema({"type": "array", "items": {"type": "integer"}, "minItems": 10**7}),
    "minLength of a million": schema({"type": "string", "minLength": 10**6}),
    "1,000 properties": schema({"type": "object", "properties": {f"k{n}": {"type": "string"} for n in range(1_000)}}),
    "1,500 objects to choose from": schema(
        {"anyOf": [{"type": "object", "properties": {f"k{n}": {}}, "required": [f"k{n}"]} for n in range(1_500)]}
    ),
    "15,000 strings to choose from": Constraint("choice", json.dumps([f"value{n}" for n in range(15_000)])),
    "a terminal of 300 times 300": Constraint("lark", "start: A\nA: B{300}\nB: C{300}\nC: /[a-z]+x/"),
    "a far look back": Constraint("regex", ".*a.{2000}b"),
    "a million ways": Constraint("regex", "((a|aa)+)+b"),
    "any letter, often": Constraint("regex", r"(\w{1,1000}\p{L}{1,1000}){50}"),
    "left recursion": Constraint("lark", 'start: start "a" | "b"'),
    "ambiguity": Constraint("lark", 'start: x\nx: x x x | x x | "a" | ""'),
    "60 ambiguities": Constraint("lark", "start: e\ne: " + " | ".join("e " * n for n in range(2, 60)) + ' | "a"'),
    "5,000 symbols in a row": Constraint("lark", "start: " + " ".join(f'"a{n}"' for n in range(5_000))),
    "300 lexemes": Constraint(
        "lark",
        "start: ("
        + " | ".join(f"T{n}" for n in range(300))
        + ")*\n"
        + "\n".join(f"T{n}: /[a-z]{{1,{n + 2}}}x{n}/" for n in range(300)),
    ),
    "a complement": Constraint("lark", "start: A\nA: ~/(.*a.{30})|(.*b.{31})/"),
}
"""Within the limits, and still a burden: masks are allowed to fail later on, with an error of ours."""
