"""`truncation: "auto"`: what does not fit is left out from the beginning, where a user speaks."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Messages = tuple[dict[str, Any], ...]
_RULES = ("system", "developer")


async def shortened(messages: Messages, room_tokens: int, count: Callable[[Messages], Awaitable[int]]) -> Messages:
    """The longest end of a conversation that has `room_tokens` at most, after the rules it begins with.

    `count` says how many tokens messages are. A call is never parted from its result, since only a user's message may
    come first. All of it is given back where all of it fits, and where not even the last turn does.
    """
    if await count(messages) <= room_tokens:
        return messages
    rules = _rules(messages)
    starts = [index for index, message in enumerate(messages) if index > len(rules) and message["role"] == "user"]
    first, beyond = 0, len(starts)
    while first < beyond:
        middle = (first + beyond) // 2
        if await count((*rules, *messages[starts[middle] :])) <= room_tokens:
            beyond = middle
        else:
            first = middle + 1
    return (*rules, *messages[starts[first] :]) if first < len(starts) else messages


def room_for_prompt(context_tokens: int, max_output_tokens: int | None) -> int:
    """Tokens that a prompt may have, so that the answer has room too: what it may have, half the context at most."""
    wanted = context_tokens // 8 if max_output_tokens is None else max_output_tokens
    return context_tokens - max(1, min(wanted, context_tokens // 2))


def _rules(messages: Sequence[dict[str, Any]]) -> Messages:
    for index, message in enumerate(messages):
        if message["role"] not in _RULES:
            return tuple(messages[:index])
    return tuple(messages)
