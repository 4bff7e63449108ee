"""Anthropic's turns and blocks as chat messages."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from labkit.api.schemas.messages import (
    AnthropicMessage,
    BlockKind,
    ContentBlock,
    CountBody,
    InnerBlock,
    InnerKind,
    PlainSource,
    SystemBlock,
)
from labkit.api.transcript import Transcript, foreign_content, joined
from labkit.errors import InvalidRequestError

_IN_TURNS = frozenset(get_args(BlockKind))
_IN_RESULTS = frozenset(get_args(InnerKind))
_NEEDED = {
    "text": ("text",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
    "thinking": ("thinking",),
}
_ROLES = {"tool_use": "assistant", "thinking": "assistant", "redacted_thinking": "assistant", "tool_result": "user"}
FAILED = "The tool failed: "
"""Before the result of a tool that says it is an error: templates have no other place for that."""


def refuse_foreign_blocks(messages: object) -> None:
    """Raise InvalidRequestError for the first block that no model here reads."""
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        content = message.get("content") if isinstance(message, Mapping) else None
        for place, block in _blocks(content, f"messages[{index}].content"):
            _check_kind(block, _IN_TURNS, place)
            for inner_place, inner in _blocks(block.get("content"), f"{place}.content"):
                _check_kind(inner, _IN_RESULTS, inner_place)


def chat_messages(body: CountBody) -> tuple[dict[str, Any], ...]:
    """The whole conversation. Raises InvalidRequestError for a block that lacks something, or stands wrong."""
    transcript = Transcript()
    if system := _system(body.system):
        transcript.say("system", system)
    for index, message in enumerate(body.messages):
        _write(transcript, message, f"messages[{index}]")
    return transcript.messages


def continues(body: CountBody) -> bool:
    """Whether the last turn is the assistant's, to be continued. Raises InvalidRequestError where it cannot be."""
    last = body.messages[-1]
    if last.role != "assistant":
        return False
    place = f"messages[{len(body.messages) - 1}].content"
    if isinstance(last.content, list) and any(block.type == "tool_use" for block in last.content):
        raise InvalidRequestError(
            "the last message calls a tool: its result must follow",
            param=place,
            hint="send a user message with a tool_result block",
        )
    text = last.content if isinstance(last.content, str) else joined(block.text or "" for block in last.content)
    if not text.strip():
        raise InvalidRequestError("the last message is the assistant's and has no text to continue", param=place)
    return True


def _write(transcript: Transcript, message: AnthropicMessage, place: str) -> None:
    if isinstance(message.content, str):
        transcript.say(message.role, message.content)
        return
    for index, block in enumerate(message.content):
        at = f"{place}.content[{index}]"
        _check_block(block, message.role, at)
        match block.type:
            case "tool_use":
                arguments = json.dumps(block.input, ensure_ascii=False)
                transcript.call(block.id or "", block.name or "", arguments)
            case "tool_result":
                transcript.result(block.tool_use_id or "", _result(block))
            case "thinking":
                transcript.think(block.thinking or "")
            case "redacted_thinking":
                pass  # nobody but its maker can read it
            case _:
                transcript.say(message.role, _readable(block))


def _check_block(block: ContentBlock, role: str, place: str) -> None:
    for name in _NEEDED.get(block.type, ()):
        if getattr(block, name) is None:
            raise InvalidRequestError(
                f"{place}.{name} is missing", param=f"{place}.{name}", code="missing_required_parameter"
            )
    if _ROLES.get(block.type, role) != role:
        raise InvalidRequestError(f"{place}: {block.type} has no place in a {role} message", param=place)


def _result(block: ContentBlock) -> str:
    content = block.content or ""
    text = content if isinstance(content, str) else joined(_readable(inner) for inner in content)
    return f"{FAILED}{text}" if block.is_error else text


def _readable(block: ContentBlock | InnerBlock) -> str:
    """The text of a block that holds text; of documents and search results what they are called, too."""
    if block.type == "text":
        return block.text or ""
    head = [text for text in (block.title, block.context) if text]
    if isinstance(block.source, str):
        head.append(block.source)
    inner = block.content if isinstance(block.content, list) else []
    body = [block.source.data] if isinstance(block.source, PlainSource) else [_readable(each) for each in inner]
    return joined([*head, *body])


def _system(system: str | list[SystemBlock] | None) -> str:
    return system or "" if not isinstance(system, list) else joined(block.text for block in system)


def _check_kind(block: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    kind = block.get("type")
    if not isinstance(kind, str) or kind not in known:
        raise foreign_content(kind, place)
    source = block.get("source")
    if isinstance(source, Mapping) and source.get("type") != "text":
        raise foreign_content(f"{kind} ({source.get('type')})", f"{place}.source")


def _blocks(content: object, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, block in enumerate(content if isinstance(content, list) else []):
        if isinstance(block, Mapping):
            yield f"{place}[{index}]", block
