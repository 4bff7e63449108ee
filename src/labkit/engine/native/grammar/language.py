"""Each kind of constraint as a grammar of llguidance."""

import json
import re
from typing import Any

import llguidance
from llguidance.gbnf_to_lark import gbnf_to_lark

from labkit.engine.native.grammar.refusals import not_honoured
from labkit.engine.types import Constraint

_JSON_FORM: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "lenient": False}
"""As models write JSON; a keyword that cannot be honoured is an error, whatever the schema's own options say."""


def write_grammar(constraint: Constraint) -> str:
    """The grammar of a constraint that is within limits. Raises InvalidRequestError."""
    if constraint.kind == "json_object":
        return _of_schema('{"type": "object"}')
    if constraint.kind == "json_schema":
        return _of_schema(constraint.text)
    if constraint.kind == "regex":
        return llguidance.LLMatcher.grammar_from_regex(constraint.text)
    if constraint.kind == "choice":
        return _of_choice(constraint)
    if constraint.kind == "gbnf":
        return _of_gbnf(constraint)
    return llguidance.LLMatcher.grammar_from_lark(constraint.text)


def _of_schema(schema: str) -> str:
    return llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=_JSON_FORM)


def _of_choice(constraint: Constraint) -> str:
    choices = json.loads(constraint.text)
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, str) for choice in choices):
        raise not_honoured(constraint.param, "a choice is a list of one or more strings")
    return llguidance.LLMatcher.grammar_from_regex("|".join(re.escape(choice) for choice in choices))


def _of_gbnf(constraint: Constraint) -> str:
    try:
        lark = gbnf_to_lark(constraint.text)
    except Exception as error:  # noqa: BLE001 - the converter raises Exception itself, for a missing rule
        raise not_honoured(constraint.param, f"the grammar cannot be read: {error}") from None
    return llguidance.LLMatcher.grammar_from_lark(lark)
