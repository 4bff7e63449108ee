"""Ollama's messages and tools as the chat messages that workers read."""

import json
from collections.abc import Sequence
from typing import Any

from labkit.api.conversation_request import refuse_doubled
from labkit.api.schemas.ollama import Message, Tool, ToolCall
from labkit.errors import InvalidRequestError


def plain_messages(messages: Sequence[Message]) -> tuple[dict[str, Any], ...]:
    """Chat messages: arguments as JSON text, and an id for every call, which Ollama's clients need not give.

    Raises InvalidRequestError for a message whose role lacks what it needs.
    """
    reader = _Reader()
    return tuple(reader.read(message, f"messages[{index}]") for index, message in enumerate(messages))


def plain_tools(tools: Sequence[Tool]) -> tuple[dict[str, Any], ...]:
    """Tool definitions. Raises InvalidRequestError when two have one name."""
    refuse_doubled([tool.function.name for tool in tools], "tools[{}].function.name")
    return tuple(tool.model_dump(exclude_none=True) | {"type": "function"} for tool in tools)


class _Reader:
    """Reads messages in their order: a result belongs to the oldest call of its name that has none."""

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []
        self._num_calls = 0

    def read(self, message: Message, place: str) -> dict[str, Any]:
        plain: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.thinking is not None:
            plain["reasoning_content"] = message.thinking
        if message.tool_calls:
            if message.role != "assistant":
                raise InvalidRequestError("only assistant messages have tool_calls", param=f"{place}.tool_calls")
            plain["tool_calls"] = [self._call(call) for call in message.tool_calls]
        elif message.content is None:
            if message.role != "assistant":
                raise InvalidRequestError(f"a {message.role} message needs content", param=f"{place}.content")
            plain["content"] = ""
        if message.role == "tool":
            plain |= self._result(message)
        return plain

    def _call(self, call: ToolCall) -> dict[str, Any]:
        self._num_calls += 1
        call_id = call.id or f"call_{self._num_calls}"
        self._open.append((call_id, call.function.name))
        arguments = json.dumps(call.function.arguments, ensure_ascii=False)
        return {"id": call_id, "type": "function", "function": {"name": call.function.name, "arguments": arguments}}

    def _result(self, message: Message) -> dict[str, str]:
        found = next(
            (call for call in self._open if message.tool_call_id == call[0]),
            next((call for call in self._open if message.tool_name == call[1]), self._open[0] if self._open else None),
        )
        if found is None:
            call_id, name = message.tool_call_id or "call_0", message.tool_name
        else:
            self._open.remove(found)
            call_id, name = message.tool_call_id or found[0], message.tool_name or found[1]
        return {"tool_call_id": call_id, **({"name": name} if name else {})}
