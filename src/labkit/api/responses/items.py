"""Items of a conversation: checked, given ids, and turned into chat messages."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from labkit.api.identifiers import new_id
from labkit.api.responses.toolbox import model_name
from labkit.api.schemas.responses import ITEM_TYPES, TextKind, item_type
from labkit.api.transcript import Transcript, foreign_content, joined
from labkit.errors import InvalidRequestError

Item = dict[str, Any]
_TEXT_PARTS = frozenset(get_args(TextKind))
_ID_STARTS = {"message": "msg_", "function_call": "fc_", "function_call_output": "fco_", "reasoning": "rs_"}


def refuse_foreign_items(given: object) -> None:
    """Raise InvalidRequestError for the first item, or part of one, that no model here understands."""
    for index, item in enumerate(given if isinstance(given, list) else []):
        kind = item_type(item)
        if kind not in ITEM_TYPES:
            raise InvalidRequestError(
                f"items of type {kind[:40]!r} are not supported: labkit has no tools of its own",
                param=f"input[{index}].type",
                code="unsupported_content",
            )
        for name in ("content", "output", "summary"):
            _refuse_foreign_parts(item.get(name) if isinstance(item, Mapping) else None, f"input[{index}].{name}")


def identified(items: Iterable[Item]) -> list[Item]:
    """The items as they are stored and listed: each with an id and a status, content as a list of parts."""
    return [_identified(item) for item in items]


def as_items(given: str | list[Any]) -> list[Item]:
    """The `input` of a request: a string is what a user says."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return [item.model_dump(exclude_none=True) | {"type": item_type(item)} for item in given]


def write_items(transcript: Transcript, items: Iterable[Item]) -> None:
    """Put items at the end of a transcript."""
    for item in items:
        match item["type"]:
            case "message":
                transcript.say(item["role"], _text(item["content"]))
            case "reasoning":
                if text := _text(item.get("content") or item.get("summary") or ""):
                    transcript.think(text)
            case "function_call":
                name = model_name(item.get("namespace"), item["name"])
                transcript.call(item["call_id"], name, item["arguments"])
            case "function_call_output":
                transcript.result(item["call_id"], _text(item["output"]))


def _refuse_foreign_parts(parts: object, place: str) -> None:
    for index, part in enumerate(parts if isinstance(parts, list) else []):
        kind = part.get("type") if isinstance(part, Mapping) else "text"
        if not isinstance(kind, str) or kind not in _TEXT_PARTS:
            raise foreign_content(kind, f"{place}[{index}]")


def _identified(item: Item) -> Item:
    kind = item["type"]
    whole = {"id": new_id(_ID_STARTS[kind]), "status": "completed"} | item
    if kind == "message" and isinstance(item["content"], str):
        part = "output_text" if item["role"] == "assistant" else "input_text"
        extra = {"annotations": []} if part == "output_text" else {}
        whole["content"] = [{"type": part, "text": item["content"], **extra}]
    if kind == "reasoning":
        whole = {"summary": []} | whole
    return whole


def _text(content: str | list[Item]) -> str:
    if isinstance(content, str):
        return content
    return joined(part.get("text") or part.get("refusal") or "" for part in content)
