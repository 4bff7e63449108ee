"""Mistral, Ministral, Magistral and Devstral: calls after [TOOL_CALLS], as a list (until 2024) or each by name."""

from typing import Any

from labkit.chat.calls import JsonCalls, NamedJsonCalls
from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking

THINKING = (Thinking(("[THINK]",), ("[/THINK]",), space=""),)
NAMED = NamedJsonCalls(start="[TOOL_CALLS]", middle="[ARGS]", id_start="[CALL_ID]")
LISTED = JsonCalls("[TOOL_CALLS]", "", "list", id="id", inside="")


def with_thinking_blocks(message: dict[str, Any]) -> dict[str, Any]:
    """Reasoning as the first block of an assistant's content, where these templates look for it."""
    reasoning = message.get("reasoning_content")
    if not reasoning or message.get("role") != "assistant":
        return message
    blocks: list[dict[str, Any]] = [{"type": "thinking", "thinking": reasoning}]
    if message.get("content"):
        blocks.append({"type": "text", "text": message["content"]})
    return {**message, "content": blocks}


FORMATS = (
    ChatFormat("mistral", ("[INST]", "[TOOL_CALLS]"), LISTED, THINKING),
    ChatFormat("mistral", ("[INST]", "[TOOL_CALLS]", "[ARGS]"), NAMED, THINKING),
    ChatFormat(
        "mistral", ("[INST]", "[TOOL_CALLS]", "[ARGS]", "[THINK]"), NAMED, THINKING, prepare=with_thinking_blocks
    ),
)
