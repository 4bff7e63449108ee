"""A model's own Jinja chat template, rendered in a sandbox.

Templates come out of model files and are code. The sandbox keeps them from Python's objects, not from taking all time
and memory: `TemplateRenderer` compiles and renders those of files in a process with limits.
"""

import json
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import meta, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import SandboxedEnvironment

from labkit.chat.format import ChatFormat, Message
from labkit.chat.formats import format_of
from labkit.chat.habits import find_habits
from labkit.chat.messages import Habits, Preparation
from labkit.errors import InvalidModelFileError, InvalidRequestError

logger = logging.getLogger(__name__)

_GIVEN = frozenset({"messages", "tools", "documents", "add_generation_prompt", "bos_token", "eos_token"})


class _GenerationTag(Extension):
    """`{% generation %}`: marks the model's own words, for training; here it is nothing."""

    tags = frozenset({"generation"})  # pyright: ignore[reportAssignmentType]

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


class ChatTemplate:
    """Messages and tools to the prompt text the model was trained on.

    What the template cannot do, and a client may ask, is mended (`Habits`): a system message where it knows none, tools
    or calls it does not write, several calls where it takes one.
    """

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        """Compile `source`; `bos` and `eos` are the texts of those tokens. Raises InvalidModelFileError."""
        # Not the immutable one: templates of Kimi K2 append to lists. Every conversation is a copy.
        environment = SandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _GenerationTag]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = _strftime_now
        self.source = source
        self.format: ChatFormat = format_of(source)
        self._tokens = {"bos_token": bos, "eos_token": eos}
        try:
            self._template = environment.from_string(source)
            found = meta.find_undeclared_variables(environment.parse(source))
        except MemoryError:
            raise
        except Exception as error:  # constants are computed by the compiler: whatever they raise
            raise InvalidModelFileError(
                f"the model's chat template does not compile: {error}", hint="use another file of this model"
            ) from error
        self.variables: frozenset[str] = frozenset(found) - frozenset(environment.globals) - _GIVEN
        self.habits: Habits = find_habits(self._raw)
        self._preparation = Preparation(self.format, self.habits)

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[dict[str, Any]] = (),
        *,
        add_generation_prompt: bool = True,
        continue_final: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> str:
        """The prompt. `arguments` are further variables; with `continue_final` it ends inside the last message.

        Raises InvalidRequestError when the template refuses the conversation; MemoryError.
        """
        stop = f"~{secrets.token_hex(16)}~" if continue_final else ""
        if stop:
            messages, add_generation_prompt = _with_stop(messages, stop), False
        fields = {"add_generation_prompt": add_generation_prompt, **(arguments or {})}
        try:
            text = self._raw(self._preparation.messages(messages, tools), self._preparation.tools(tools), **fields)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a template is code, and raises whatever it raises
            text = self._filled(messages, tools, fields, error)
        if not stop:
            return text
        before, found, _ = text.rpartition(stop)
        if not found:
            raise InvalidRequestError("this model's chat template cannot end in the last message", param="messages")
        return before

    def _filled(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], fields: dict[str, Any], error: Exception
    ) -> str:
        """Once more, with tool definitions that lack nothing."""
        try:
            if tools:
                given = self._preparation.tools(tools, fill=True)
                return self._raw(self._preparation.messages(messages, tools), given, **fields)
        except MemoryError:
            raise
        except Exception:
            logger.debug("the template refuses filled tool definitions too", exc_info=True)
        raise InvalidRequestError(
            f"the model's chat template refuses this conversation: {error}", param="messages"
        ) from error

    def _raw(self, messages: list[Message], tools: list[dict[str, Any]] | None, **variables: Any) -> str:
        fields: dict[str, Any] = {"documents": None, "add_generation_prompt": True, **self._tokens, **variables}
        return self._template.render(messages=messages, tools=tools, **fields)


def _with_stop(messages: Sequence[Message], stop: str) -> list[Message]:
    if not messages or messages[-1].get("role") != "assistant" or messages[-1].get("tool_calls"):
        raise InvalidRequestError(
            "only an assistant's text can be continued",
            param="messages",
            hint="let the last message be the assistant's",
        )
    last = messages[-1]
    return [*messages[:-1], {**last, "content": (last.get("content") or "") + stop}]


def _to_json(
    value: Any,
    indent: int | None = None,
    ensure_ascii: bool = False,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
    **_: Any,
) -> str:
    # As transformers renders it: plain text, not HTML-safe escapes, which models have never seen.
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys, default=_plain
    )


def _plain(value: Any) -> Any:
    """What filters such as `map` leave behind."""
    if isinstance(value, jinja2.Undefined) or not isinstance(value, Iterable):
        raise TypeError(f"{type(value).__name__} is not JSON")
    return list(value)


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now(UTC).astimezone().strftime(form)
