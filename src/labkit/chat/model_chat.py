"""One model's way to chat: from a conversation to a prompt, a constraint and a reader of the answer."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.chat.calls import ArgumentTypes
from labkit.chat.constraints import Demand, Situation, build_constraint, stops_of
from labkit.chat.format import ChatFormat, Message
from labkit.chat.formats import format_of
from labkit.chat.grammar import Spell
from labkit.chat.plain_reader import PlainReader, Reader
from labkit.chat.reasoning import check_arguments, effort_variables, is_ended_by, opened_by, opened_in
from labkit.chat.renderer import TemplateRenderer
from labkit.chat.thinking import Thinking
from labkit.engine.types import Constraint


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation, and how it is to be rendered; see the fields of the same names of a worker's Generate."""

    messages: Sequence[Message]
    tools: Sequence[dict[str, Any]] = ()
    reasoning_effort: str | None = None
    template_arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    continue_final: bool = False
    add_generation_prompt: bool = True


@dataclass(frozen=True, slots=True)
class ChatPlan:
    """What to ask of an engine, and how to read what comes.

    Attributes:
        stops: texts that end the answer, beside the client's own.
    """

    format: ChatFormat
    prompt: str
    constraint: Constraint | None
    stops: tuple[str, ...]
    _types: ArgumentTypes
    _reads_calls: bool
    _thinking: tuple[Thinking, ...]
    _opened: Thinking | None

    @property
    def reads_markers(self) -> bool:
        """Whether anything in the text has a meaning of its own."""
        return self._reads_calls or bool(self._thinking)

    def reader(self) -> Reader:
        """A fresh reader for the text of one choice."""
        if not self.reads_markers:
            return PlainReader()
        return self.format.reader(
            self._types, reads_calls=self._reads_calls, thinking=self._thinking, opened=self._opened
        )


class ModelChat:
    """Any thread may use it, one at a time gets in."""

    def __init__(self, renderer: TemplateRenderer, spell: Spell) -> None:
        """`renderer` has compiled the model's template; it is closed with this. `spell` knows the vocabulary."""
        self._renderer = renderer
        self._spell = spell
        self._rendering = threading.Lock()  # of the renderer: messages and questions are read by two threads
        self.format = format_of(renderer.source)
        self._thinking = self.format.thinking_in(renderer.source)

    def close(self) -> None:
        """End the process that renders."""
        self._renderer.close()

    def prompt(self, talk: Talk) -> str:
        """What the model gets. Raises InvalidRequestError for what its template refuses or has no words for."""
        variables = self._renderer.variables
        check_arguments(talk.template_arguments, variables)
        wished = effort_variables(talk.reasoning_effort, variables, self.format, thinks=bool(self._thinking))
        with self._rendering:
            return self._renderer.render(
                tuple(talk.messages),
                tuple(talk.tools),
                add_generation_prompt=talk.add_generation_prompt,
                continue_final=talk.continue_final,
                arguments={**wished, **talk.template_arguments},
            )

    def plan(self, talk: Talk, demand: Demand) -> ChatPlan:
        """Everything about one answer. Raises InvalidRequestError."""
        prompt = self.prompt(talk)
        if talk.continue_final:
            opened = opened_in(str(talk.messages[-1].get("content") or ""), self._thinking)
        else:
            opened = opened_by(prompt, self._thinking)
        may_think = opened is None and not talk.continue_final and not is_ended_by(prompt, self._thinking)
        situation = Situation(opened=opened, possible=self._thinking if may_think else ())
        constraint = build_constraint(demand, self.format, self._spell, situation)
        is_raw = constraint is not None and constraint is demand.given
        return ChatPlan(
            self.format,
            prompt,
            constraint,
            stops_of(demand, self.format),
            ArgumentTypes(demand.tools),
            bool(demand.tools) and demand.tool_choice != "none",
            () if is_raw else self._thinking,
            None if is_raw else opened,
        )
