"""From a worker's deltas to Anthropic's message: one object, or a stream of named events."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from labkit.api import sse
from labkit.api.blocks import Block, Blocks, News, is_plain_text
from labkit.api.dialects import ANTHROPIC
from labkit.api.figures import timings_object
from labkit.engine.types import Usage
from labkit.errors import LabkitError
from labkit.worker.messages import Delta

Json = dict[str, Any]
UNSIGNED = "unsigned"
"""Signature of a block of thinking. It proves nothing, and is not looked at when it comes back."""
_SERVICE_TIER = "standard"


class MessagesWire:
    """Writes one message, streamed or whole. Made for a single request.

    Nearly every event is one piece of text, and all of it but the text is the same each time: that much is written
    once for each block.
    """

    media_type = sse.MEDIA_TYPE
    ping = sse.event({"type": "ping"}, "ping")

    def __init__(
        self,
        model: str,
        message_id: str,
        *,
        request_id: str = "",
        stop_sequences: Sequence[str] = (),
        shows_thinking: bool = True,
    ) -> None:
        self._head = {"id": message_id, "type": "message", "role": "assistant", "model": model}
        self._request_id = request_id
        self._stop_sequences = frozenset(stop_sequences)
        self._shows_thinking = shows_thinking
        self._blocks = Blocks()
        self._has_begun = False
        self._text_start = b""

    def encode(self, deltas: Sequence[Delta]) -> bytes:
        """Events for news, possibly none."""
        return b"".join([self._encode(delta) for delta in deltas])

    def whole(self, deltas: list[Delta]) -> Json:
        """The whole message as one object."""
        for delta in deltas:
            self._blocks.feed(delta)
        last = deltas[-1]
        return {
            **self._head,
            "content": [self._content(block) for block in self._blocks.row],
            **self._ending(last),
            "usage": {**_usage(last.usage), "service_tier": _SERVICE_TIER},
            "timings": timings_object(last.usage, last.timings),
        }

    def failure(self, error: LabkitError) -> bytes:
        """One error event; it is the end of the stream."""
        return sse.event(ANTHROPIC.envelope(error, self._request_id), "error")

    def _encode(self, delta: Delta) -> bytes:
        if self._blocks.open_text is None or not self._text_start or not is_plain_text(delta):
            return b"".join(self._events(delta))
        return self._text_start + sse.quoted(delta.content) + b"}}\n\n"

    def _events(self, delta: Delta) -> list[bytes]:
        events = self._begin(delta)
        news = self._blocks.feed(delta)
        if delta.finish_reason is not None:
            news += self._blocks.close()
        for each in news:
            events += self._tell(each)
        if delta.finish_reason is not None:
            events.append(
                _event(
                    "message_delta",
                    delta=self._ending(delta),
                    usage=_usage(delta.usage),
                    timings=timings_object(delta.usage, delta.timings),
                )
            )
            events.append(_event("message_stop"))
        return events

    def _begin(self, first: Delta) -> list[bytes]:
        """The message without content. How much of the prompt was cached is only known at the end."""
        if self._has_begun:
            return []
        self._has_begun = True
        usage = _usage(Usage(first.prompt_tokens, first.num_tokens)) | {"service_tier": _SERVICE_TIER}
        empty = {**self._head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        return [_event("message_start", message=empty)]

    def _tell(self, news: News) -> list[bytes]:
        block = news.block
        match news.what:
            case "open":
                return self._opened(block)
            case "close":
                self._text_start = b""
                signed = [self._delta(block, "signature", UNSIGNED)] if block.kind == "reasoning" else []
                return [*signed, _event("content_block_stop", index=block.index)]
        if block.kind == "text":
            return [self._delta(block, "text", news.text)]
        if block.kind == "tool_call":
            return [self._delta(block, "partial_json", news.text, kind="input_json")]
        return [self._delta(block, "thinking", news.text)] if self._shows_thinking else []

    def _opened(self, block: Block) -> list[bytes]:
        if block.kind == "text":
            empty: Json = {"type": "text", "text": ""}
            head = b'{"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":' % block.index
            self._text_start = b"event: content_block_delta\ndata: " + head
        elif block.kind == "tool_call":
            empty = {"type": "tool_use", "id": _tool_id(block), "name": block.name, "input": {}}
        else:
            empty = {"type": "thinking", "thinking": "", "signature": ""}
        start = _event("content_block_start", index=block.index, content_block=empty)
        return [start] if block.index else [start, self.ping]

    def _delta(self, block: Block, name: str, text: str, kind: str = "") -> bytes:
        return _event("content_block_delta", index=block.index, delta={"type": f"{kind or name}_delta", name: text})

    def _content(self, block: Block) -> Json:
        if block.kind == "text":
            return {"type": "text", "text": block.text}
        if block.kind == "tool_call":
            return {"type": "tool_use", "id": _tool_id(block), "name": block.name, "input": _arguments(block.text)}
        thinking = block.text if self._shows_thinking else ""
        return {"type": "thinking", "thinking": thinking, "signature": UNSIGNED}

    def _ending(self, last: Delta) -> Json:
        cause = last.report.stop_cause if last.report is not None else None
        stopped_at = last.report.stop_text if last.report is not None else ""
        if last.finish_reason == "tool_calls":
            return {"stop_reason": "tool_use", "stop_sequence": None}
        if last.finish_reason == "length":
            full = cause == "context_full"
            return {"stop_reason": "model_context_window_exceeded" if full else "max_tokens", "stop_sequence": None}
        if stopped_at in self._stop_sequences:
            return {"stop_reason": "stop_sequence", "stop_sequence": stopped_at}
        return {"stop_reason": "end_turn", "stop_sequence": None}


def _usage(usage: Usage | None) -> Json:
    """Token counts as Anthropic names them: what the cache held is not among `input_tokens`."""
    counts = usage or Usage(0, 0)
    return {
        "input_tokens": counts.prompt_tokens - counts.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": counts.cached_tokens,
        "output_tokens": counts.completion_tokens,
        "output_tokens_details": {"thinking_tokens": counts.reasoning_tokens},
    }


def _tool_id(block: Block) -> str:
    return f"toolu_{block.call_id.removeprefix('call_')}"


def _arguments(text: str) -> Json:
    """The arguments of a call; of one that was cut off as much as there is."""
    try:
        value = from_json(text or "{}", allow_partial="trailing-strings")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _event(name: str, **fields: Any) -> bytes:
    return sse.event({"type": name, **fields}, name)
