"""How each API is asked for the same thing, and where in its answers the text is."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to ask for text.

    Attributes:
        body: of a request, from model, text, most tokens, and whether to stream.
        text: of a whole answer.
        piece: text of one event of a stream ("" where it has none).
        is_end: whether an event is the end that a stream must have.
        is_error: whether it says that the answer failed.
    """

    name: str
    path: str
    body: Callable[[str, str, int, bool], Body]
    text: Callable[[Any], str]
    piece: Callable[[Any], str]
    is_end: Callable[[str], bool]


def _messages(text: str) -> list[Body]:
    return [{"role": "user", "content": text}]


def _chat(model: str, text: str, most: int, stream: bool) -> Body:
    return {"model": model, "messages": _messages(text), "max_tokens": most, "stream": stream}


def _completion(model: str, text: str, most: int, stream: bool) -> Body:
    return {"model": model, "prompt": text, "max_tokens": most, "stream": stream}


def _responses(model: str, text: str, most: int, stream: bool) -> Body:
    return {"model": model, "input": text, "max_output_tokens": max(most, 16), "stream": stream, "store": False}


def _ollama(model: str, text: str, most: int, stream: bool) -> Body:
    return {"model": model, "messages": _messages(text), "stream": stream, "options": {"num_predict": most}}


def _choice(answer: Any) -> Body:
    return answer["choices"][0] if answer.get("choices") else {}


DIALECTS = (
    Dialect(
        "chat",
        "/v1/chat/completions",
        _chat,
        text=lambda answer: _choice(answer)["message"]["content"] or "",
        piece=lambda event: _choice(event).get("delta", {}).get("content") or "",
        is_end=lambda line: line == "[DONE]",
    ),
    Dialect(
        "completions",
        "/v1/completions",
        _completion,
        text=lambda answer: _choice(answer)["text"],
        piece=lambda event: _choice(event).get("text") or "",
        is_end=lambda line: line == "[DONE]",
    ),
    Dialect(
        "responses",
        "/v1/responses",
        _responses,
        text=lambda answer: "".join(
            part["text"] for item in answer["output"] if item["type"] == "message" for part in item["content"]
        ),
        piece=lambda event: event["delta"] if event.get("type") == "response.output_text.delta" else "",
        is_end=lambda line: json.loads(line).get("type") in ("response.completed", "response.incomplete"),
    ),
    Dialect(
        "messages",
        "/v1/messages",
        _chat,
        text=lambda answer: "".join(block.get("text", "") for block in answer["content"]),
        piece=lambda event: event.get("delta", {}).get("text", "") if event["type"] == "content_block_delta" else "",
        is_end=lambda line: json.loads(line).get("type") == "message_stop",
    ),
    Dialect(
        "ollama",
        "/api/chat",
        _ollama,
        text=lambda answer: answer["message"]["content"],
        piece=lambda event: event.get("message", {}).get("content", ""),
        is_end=lambda line: json.loads(line).get("done") is True,
    ),
)


def is_error(line: str) -> bool:
    """Whether an event of any stream says that the answer failed."""
    if line == "[DONE]":
        return False
    event = json.loads(line)
    return ("error" in event and event["error"] is not None) or event.get("type") in ("error", "response.failed")
