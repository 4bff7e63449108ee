"""Tool calls, answers from tool results, and plain questions while tools are there.

Half of the tools are known ones (weather, timer, ...), the others are composed on the spot, so that the name and the
arguments must be read from the signature lines in the system turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labkit.tune.nano.sample import Message, Sample, Tool, Unit, call_message, to_json
from labkit.tune.nano.tasks import arithmetic, closed, copying
from labkit.tune.nano.tasks.known_tools import KNOWN_TOOLS, KnownTool
from labkit.tune.nano.words import Source

_VERBS = "open close start stop check update delete create find send read print move clean lock count load save".split()
_NOUNS = (
    "file door machine report robot valve note ticket garden camera engine folder user page server lamp pump".split()
)
_PARAMETERS = "name level speed target colour size label mode place count owner team amount title zone key".split()
_INTEGERS = frozenset(("level", "speed", "size", "count", "amount"))


@dataclass(frozen=True)
class ToolCase:
    """A tool, a request for it, the call it needs, its result and the answer made from the result."""

    tool: Tool
    request: str
    name: str
    arguments: dict[str, Any]
    result: str
    answer: str


def make_tool(name: str, description: str, parameters: dict[str, dict[str, Any]]) -> Tool:
    """An OpenAI tool definition; all parameters are required."""
    schema = {"type": "object", "properties": parameters, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def known_case(source: Source, known: KnownTool) -> ToolCase:
    """A request for one of the known tools."""
    values = known.values(source)
    result, answer = known.outcome(source, values)
    wanted = {key: values[key] for key in known.parameters}
    request = source.pick(known.requests).format(**values)
    tool = make_tool(known.name, known.description, known.parameters)
    return ToolCase(tool, request, known.name, wanted, to_json(result), answer)


def composed_case(source: Source) -> ToolCase:
    """A request for a tool invented now, such as `open_zorbel(level: integer)`: "Open the zorbel with level 4"."""
    verb, noun = source.pick(_VERBS), source.pick(_NOUNS) if source.chance(0.3) else source.word()
    keys = source.rng.sample(_PARAMETERS, source.pick((0, 1, 1, 2, 2, 3)))
    if source.held_out or source.chance(0.3):
        keys = [source.word() if source.chance(0.2) else key for key in keys]
    parameters = {key: {"type": "integer" if key in _INTEGERS else "string"} for key in keys}
    values = {key: _value(source, kind["type"]) for key, kind in parameters.items()}
    name = source.pick((f"{verb}_{noun}", f"{verb}_{noun}", f"{noun}_{verb}"))
    description = source.pick((f"{verb.capitalize()} the {noun}", f"{verb.capitalize()} a {noun}"))
    result = {"status": source.pick(("ok", "done", "failed"))} | (
        {source.word(): _value(source, "string")} if source.chance(0.5) else {}
    )
    return ToolCase(
        make_tool(name, description, parameters),
        _composed_request(source, f"{verb} the {noun}", name, values),
        name,
        values,
        to_json(result),
        state_result(result),
    )


def _composed_request(source: Source, action: str, name: str, values: dict[str, Any]) -> str:
    listed = source.pick((" and ", ", ")).join(f"{key} {value}" for key, value in values.items())
    opening = source.pick(("Please {}", "{}", "Can you {}", "I want you to {}", "{}"))
    if source.chance(0.3):
        action = f"use {name}"
    text = opening.format(action) + (source.pick((" with {}", ": {}", ", {}")).format(listed) if listed else "")
    return (text[0].upper() + text[1:] if source.chance(0.7) else text) + source.pick(("", ".", "?"))


def _value(source: Source, kind: str) -> str | int:
    if kind == "integer":
        return source.integer(0, 99)
    makers: tuple[Callable[[], str], ...] = (source.word, source.word, source.name, source.city, source.code)
    return source.pick(makers)()


def state_result(result: dict[str, Any]) -> str:
    """The plain answer to any flat result, such as "The status is ok and the level is 4"."""
    return "The " + " and the ".join(f"{key} is {value}" for key, value in result.items()) + "."


def draw_cases(source: Source, num_cases: int) -> list[ToolCase]:
    """Cases with different tool names."""
    cases: dict[str, ToolCase] = {}
    while len(cases) < num_cases:
        case = known_case(source, source.pick(KNOWN_TOOLS)) if source.chance(0.5) else composed_case(source)
        cases.setdefault(case.name, case)
    return list(cases.values())


def _request(case: ToolCase) -> tuple[Message, Message]:
    return {"role": "user", "content": case.request}, call_message((case.name, case.arguments))


def _outcome(case: ToolCase) -> tuple[Message, Message]:
    result: Message = {"role": "tool", "tool_call_id": "call_0", "content": case.result}
    return result, {"role": "assistant", "content": case.answer}


def _tool_system(source: Source) -> str | None:
    return source.pick((None, None, "You are a helpful assistant.", "Use the tools when they help."))


def tool_session(source: Source) -> Sample:
    """One to four tools; each is used once or not at all; some results come back and are put into words."""
    cases = draw_cases(source, source.integer(1, 4))
    used = source.rng.sample(cases, source.integer(1, len(cases)))
    units: list[Unit] = [_request(case) + (_outcome(case) if source.chance(0.6) else ()) for case in used]
    if len(cases) > 1 and source.chance(0.1):
        first, second = cases[:2]
        request = f"{first.request.rstrip('.?')} and then {second.request[0].lower()}{second.request[1:]}"
        both = call_message((first.name, first.arguments), (second.name, second.arguments))
        units.append(({"role": "user", "content": request}, both))
    return Sample(tuple(units), system=_tool_system(source), tools=tuple(case.tool for case in cases))


def tool_call(source: Source) -> Sample:
    """One request among one to four tools: only the call."""
    cases = draw_cases(source, source.integer(1, 4))
    tools = tuple(case.tool for case in cases)
    return Sample((_request(source.pick(cases)),), system=_tool_system(source), tools=tools)


def tool_answer(source: Source) -> Sample:
    """A request, its call, its result, and the answer that states the result."""
    cases = draw_cases(source, source.integer(1, 3))
    case = source.pick(cases)
    tools = tuple(case.tool for case in cases)
    return Sample((_request(case) + _outcome(case),), system=_tool_system(source), tools=tools)


_PLAIN = (arithmetic.add, arithmetic.compare, copying.repeat, closed.faq, closed.small_talk, closed.sentiment)


def ignore_tools(source: Source) -> Sample:
    """A plain question while tools are there: no call."""
    tools = tuple(case.tool for case in draw_cases(source, source.integer(1, 3)))
    plain = source.pick(_PLAIN)(source)
    return Sample(plain.units, system=_tool_system(source), tools=tools)
