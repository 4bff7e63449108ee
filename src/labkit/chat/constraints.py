"""From what a request demands of its answer to the language the answer must belong to."""

import json
from typing import Any

from labkit.engine.types import Constraint
from labkit.errors import InvalidRequestError

CALL_START = "<tool_call>"
CALL_END = "</tool_call>"
_COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


def build_constraint(
    *,
    tools: tuple[dict[str, Any], ...],
    tool_choice: str,
    parallel_tool_calls: bool,
    response_schema: dict[str, Any] | None,
    markers_are_tokens: bool,
) -> Constraint | None:
    """The constraint of a request, or None for free text.

    `tool_choice` is "auto", "none", "required" or "name:NAME"; `markers_are_tokens`: `<tool_call>` is one
    token of the vocabulary. Raises InvalidRequestError for a choice that cannot be honoured.
    """
    if tool_choice not in ("auto", "none"):
        return _forced_call(_chosen(tools, tool_choice), parallel_tool_calls, markers_are_tokens)
    if response_schema is None:
        return None
    if not response_schema:
        return Constraint("json_object")
    return Constraint("json_schema", json.dumps(response_schema))


def _chosen(tools: tuple[dict[str, Any], ...], tool_choice: str) -> list[dict[str, Any]]:
    functions = [tool["function"] for tool in tools]
    if tool_choice.startswith("name:"):
        functions = [function for function in functions if function["name"] == tool_choice[5:]]
    if not functions:
        raise InvalidRequestError(
            "tool_choice asks for a tool that is not in 'tools'", param="tool_choice", hint="add the tool"
        )
    return functions


def _forced_call(functions: list[dict[str, Any]], parallel: bool, markers_are_tokens: bool) -> Constraint:
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"const": function["name"]},
                "arguments": function.get("parameters") or {"type": "object"},
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for function in functions
    ]
    schema = {**(calls[0] if len(calls) == 1 else {"anyOf": calls}), "x-guidance": _COMPACT}
    start, end = (CALL_START, CALL_END) if markers_are_tokens else (json.dumps(CALL_START), json.dumps(CALL_END))
    more = ' ("\\n" call)*' if parallel else ""
    grammar = f"start: call{more}\ncall: {start} body {end}\nbody: %json {json.dumps(schema)}\n"
    return Constraint("lark", grammar, param="tools")
