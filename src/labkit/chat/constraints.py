"""From what a request demands of its answer to the language the answer must belong to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.chat.closing import closed
from labkit.chat.format import ChatFormat
from labkit.chat.grammar import Function, Grammar, Spell, either
from labkit.chat.thinking import Thinking
from labkit.engine.types import Constraint
from labkit.errors import InvalidRequestError

Tools = Sequence[dict[str, Any]]
_ANY_OBJECT: dict[str, Any] = {"type": "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a request says about the form of its answer.

    Attributes:
        tool_choice: "auto", "none", "required" or "name:NAME".
        response_schema: JSON schema of the answer; {} for any JSON object; None for free text.
        given: a language of the client's own.
    """

    tools: Tools = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    response_schema: dict[str, Any] | None = None
    given: Constraint | None = None

    @property
    def offers(self) -> bool:
        """Whether the model may call, and need not."""
        return bool(self.tools) and self.tool_choice == "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Where the prompt leaves the model: inside of reasoning that it opened, or before reasoning that it may begin."""

    opened: Thinking | None = None
    possible: tuple[Thinking, ...] = field(default=())


def build_constraint(demand: Demand, format_: ChatFormat, spell: Spell, situation: Situation) -> Constraint | None:
    """The constraint of a request, or None for free text. Reasoning is free; what follows it is constrained.

    Raises InvalidRequestError for a choice that cannot be honoured.
    """
    grammar = Grammar(spell)
    if demand.tool_choice not in ("auto", "none"):
        _refuse_both(demand, "tool_choice")
        calls = _forced(demand, format_, grammar)
        return Constraint("lark", grammar.write(f"{_reasoning(grammar, situation)} {calls}"), param="tools")
    if demand.given is not None:
        if demand.offers and _is_strict(demand.tools):
            _refuse_both(demand, "tools")
        return _after_reasoning(demand.given, format_, grammar, situation)
    if demand.response_schema is not None:
        return _structured(demand, format_, grammar, situation)
    if demand.offers and format_.calls is not None and _needs_grammar(demand, format_):
        functions = [Function.of(tool, is_held=bool(tool["function"].get("strict"))) for tool in demand.tools]
        offer = format_.calls.offered(grammar, functions, parallel=demand.parallel_tool_calls)
        return Constraint("lark", grammar.write(f"{_reasoning(grammar, situation)} {offer}"), param="tools")
    return None


def stops_of(demand: Demand, format_: ChatFormat) -> tuple[str, ...]:
    """Texts that end an answer: the family's own, and the end of a call where there may be one only."""
    if not (demand.offers and not demand.parallel_tool_calls and format_.calls is not None):
        return format_.stops
    if demand.response_schema is not None or _needs_grammar(demand, format_):
        return format_.stops
    return (*format_.stops, format_.calls.stop_after_one)


def _needs_grammar(demand: Demand, format_: ChatFormat) -> bool:
    calls = format_.calls
    is_bounded = demand.parallel_tool_calls or (calls is not None and bool(calls.stop_after_one))
    return _is_strict(demand.tools) or not is_bounded


def _is_strict(tools: Tools) -> bool:
    return any(tool["function"].get("strict") for tool in tools)


def _forced(demand: Demand, format_: ChatFormat, grammar: Grammar) -> str:
    tools = demand.tools
    if demand.tool_choice.startswith("name:"):
        tools = [tool for tool in tools if tool["function"]["name"] == demand.tool_choice[5:]]
    if format_.calls is None:
        raise InvalidRequestError(
            "how this model writes tool calls is not known: it cannot be made to call",
            param="tool_choice",
            hint="send tool_choice 'auto' or 'none'",
        )
    if not tools:
        raise InvalidRequestError(
            "tool_choice asks for a tool that is not in 'tools'", param="tool_choice", hint="add the tool"
        )
    functions = [Function.of(tool, is_held=True) for tool in tools]
    return format_.calls.forced(grammar, functions, parallel=demand.parallel_tool_calls)


def _structured(demand: Demand, format_: ChatFormat, grammar: Grammar, situation: Situation) -> Constraint:
    schema = closed(demand.response_schema or _ANY_OBJECT)
    reasoning = _reasoning(grammar, situation)
    if not (reasoning or format_.answer_opens or demand.offers):
        return Constraint("json_schema", json.dumps(schema)) if demand.response_schema else Constraint("json_object")
    answers = [f"{grammar.text(format_.answer_opens)} {grammar.json(schema)}"]
    if demand.offers and format_.calls is not None:
        functions = [Function.of(tool, is_held=bool(tool["function"].get("strict"))) for tool in demand.tools]
        answers.append(format_.calls.forced(grammar, functions, parallel=demand.parallel_tool_calls))
    return Constraint("lark", grammar.write(f"{reasoning} {either([grammar.rule(one) for one in answers])}"))


def _after_reasoning(given: Constraint, format_: ChatFormat, grammar: Grammar, situation: Situation) -> Constraint:
    """A client's language, after reasoning where it can be put so; a grammar holds from the first token on."""
    reasoning = _reasoning(grammar, situation)
    if given.kind not in ("choice", "regex") or not (reasoning or format_.answer_opens):
        return given
    if given.kind == "choice":
        answer = either([grammar.text(choice) for choice in json.loads(given.text)])
    else:
        answer = grammar.pattern(given.text.replace("/", r"\/").replace("\n", r"\n"))
    text = grammar.write(f"{reasoning} {grammar.text(format_.answer_opens)} {answer}")
    return Constraint("lark", text, param=given.param)


def _reasoning(grammar: Grammar, situation: Situation) -> str:
    """Reasoning from where the prompt leaves off to the first character of the answer; "" where there is none."""
    if situation.opened is not None:
        return _rest_of(grammar, situation.opened)
    ways = [f"{grammar.text(one.opens[0])} {_rest_of(grammar, one)}" for one in situation.possible]
    return f"{grammar.rule(either(ways))}?" if ways else ""


def _rest_of(grammar: Grammar, thinking: Thinking) -> str:
    space = grammar.text(thinking.space) if thinking.space.strip() else grammar.space()
    return f"{grammar.until(thinking.closes[0])} {space}"


def _refuse_both(demand: Demand, param: str) -> None:
    if demand.given is not None:
        raise InvalidRequestError(f"{demand.given.param} and {param} cannot both be honoured", param=demand.given.param)
