"""What a task makes: one or more exchanges, with the tools and the system text they need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]
"""An OpenAI chat message: role, content, and tool_calls on some assistant messages."""

Tool = dict[str, Any]
"""An OpenAI tool: {"type": "function", "function": {name, description, parameters}}."""

Unit = tuple[Message, ...]
"""Messages that stay together: a user message up to the assistant's last answer to it."""


@dataclass(frozen=True)
class Sample:
    """Units in order. Others may be put between them unless `exclusive` says that the system text forbids it.

    `wants_tool` marks a question that a tool could answer: it must not meet a conversation with tools.
    """

    units: tuple[Unit, ...]
    system: str | None = None
    tools: tuple[Tool, ...] = ()
    exclusive: bool = False
    wants_tool: bool = False


def exchange(question: str, answer: str) -> Unit:
    """One question and its answer."""
    return ({"role": "user", "content": question}, {"role": "assistant", "content": answer})


def single(question: str, answer: str, **settings: Any) -> Sample:
    """A sample of one exchange."""
    return Sample((exchange(question, answer),), **settings)


def to_json(value: object) -> str:
    """JSON as the chat template and the server's grammar write it: separators ", " and ": ", no escapes for UTF-8."""
    return json.dumps(value, ensure_ascii=False)


def call_message(*calls: tuple[str, dict[str, Any]]) -> Message:
    """An assistant message with tool calls, arguments as objects."""
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": args}}
            for index, (name, args) in enumerate(calls)
        ],
    }


def answer_text(message: Message) -> str:
    """An assistant message as the text the model writes, tool calls included.

    Arguments may be objects or JSON text; text that is no JSON, which a model can produce, stays as it is.
    """
    blocks = [message.get("content") or ""]
    for call in message.get("tool_calls") or ():
        function = call["function"]
        body = f'{{"name": {to_json(function["name"])}, "arguments": {_arguments_text(function["arguments"])}}}'
        blocks.append(f"<tool_call>{body}</tool_call>")
    return "\n".join(block for block in blocks if block)


def wire_message(message: Message) -> Message:
    """The message as the OpenAI API carries it: tool-call arguments as JSON text."""
    if "tool_calls" not in message:
        return message
    calls = [
        call | {"function": call["function"] | {"arguments": _arguments_text(call["function"]["arguments"])}}
        for call in message["tool_calls"]
    ]
    return message | {"tool_calls": calls}


def _arguments_text(arguments: object) -> str:
    if not isinstance(arguments, str):
        return to_json(arguments)
    try:
        return to_json(json.loads(arguments or "{}"))
    except ValueError:
        return arguments
