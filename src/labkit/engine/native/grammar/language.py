"""Each kind of constraint as a grammar of llguidance."""

import re
from typing import Any

import llguidance
from llguidance.gbnf_to_lark import gbnf_to_lark

from labkit.engine.native.grammar.lark_limits import check_lark
from labkit.engine.native.grammar.limits import check_regex, check_schema, check_size, read_json
from labkit.engine.native.grammar.refusals import not_honoured, too_complex
from labkit.engine.types import Constraint

_JSON_FORM: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "lenient": False}
"""As models write JSON; a keyword that cannot be honoured is an error, whatever the schema's own options say."""

_MAX_GBNF = 64 * 1024
"""Characters; the converter is Python."""


def write_grammar(constraint: Constraint) -> str:
    """The grammar of a constraint. Raises InvalidRequestError when it is broken or not within limits."""
    text, param = constraint.text, constraint.param
    if constraint.kind == "json_object":
        return _of_schema('{"type": "object"}')
    if constraint.kind == "json_schema":
        check_schema(read_json(text, param), param)
        return _of_schema(text)
    if constraint.kind == "regex":
        check_size(text, param)
        check_regex(text, param)
        return llguidance.LLMatcher.grammar_from_regex(text)
    if constraint.kind == "choice":
        return _of_choice(text, param)
    lark = _lark_of_gbnf(text, param) if constraint.kind == "gbnf" else text
    check_lark(lark, param)
    return llguidance.LLMatcher.grammar_from_lark(lark)


def _of_schema(schema: str) -> str:
    return llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=_JSON_FORM)


def _of_choice(text: str, param: str) -> str:
    choices = read_json(text, param)
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, str) for choice in choices):
        raise not_honoured(param, "a choice is a list of one or more strings")
    return llguidance.LLMatcher.grammar_from_regex("|".join(re.escape(choice) for choice in choices))


def _lark_of_gbnf(text: str, param: str) -> str:
    check_size(text, param, _MAX_GBNF)
    try:
        return gbnf_to_lark(text)
    except RecursionError:
        raise too_complex(param, "it is nested too deeply") from None
    except Exception as error:  # noqa: BLE001 - the converter raises Exception itself, for a missing rule
        raise not_honoured(param, f"the grammar cannot be read: {error}") from None
