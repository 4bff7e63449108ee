"""A conversation as workers take it, built from what other APIs call items and blocks."""

from collections.abc import Iterable
from typing import Any

from labkit.errors import InvalidRequestError

TEXT_SEPARATOR = "\n"
"""Between texts that become one: parts of a message, and neighbours of one role."""


class Transcript:
    """Chat messages, one for each turn: what follows in the same role goes into the same message. Modifies itself.

    Templates know text, reasoning and calls of one assistant's turn as one message, and many of them refuse two
    messages of one role in a row.
    """

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []

    @property
    def messages(self) -> tuple[dict[str, Any], ...]:
        """All of it."""
        return tuple(self._messages)

    def say(self, role: str, text: str) -> None:
        """Text of "system", "developer", "user" or "assistant"."""
        _append(self._turn(role), "content", text)

    def think(self, text: str) -> None:
        """What the assistant thought before it went on."""
        _append(self._turn("assistant"), "reasoning_content", text)

    def call(self, call_id: str, name: str, arguments: str) -> None:
        """A tool call of the assistant, with its arguments as JSON text."""
        function = {"name": name, "arguments": arguments}
        self._turn("assistant").setdefault("tool_calls", []).append(
            {"id": call_id, "type": "function", "function": function}
        )

    def result(self, call_id: str, text: str) -> None:
        """What a tool answered. Each is a message of its own."""
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": text})

    def _turn(self, role: str) -> dict[str, Any]:
        if not self._messages or self._messages[-1]["role"] != role:
            self._messages.append({"role": role, "content": None if role == "assistant" else ""})
        return self._messages[-1]


def joined(texts: Iterable[str]) -> str:
    """Parts of one message as one text."""
    return TEXT_SEPARATOR.join(texts)


def foreign_content(kind: object, place: str) -> InvalidRequestError:
    """The error about content that no model here reads."""
    return InvalidRequestError(
        f"content of type {str(kind)[:40]!r} is not supported yet: models here read text",
        param=place,
        code="unsupported_content",
    )


def _append(message: dict[str, Any], name: str, text: str) -> None:
    before = message.get(name)
    message[name] = f"{before}{TEXT_SEPARATOR}{text}" if before else text
