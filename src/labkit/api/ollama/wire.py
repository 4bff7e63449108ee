"""From a worker's deltas to Ollama's answers: one object, or a stream of lines of JSON."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from labkit.api import sse
from labkit.api.dialects import OLLAMA
from labkit.engine.types import Timings, Usage
from labkit.errors import LabkitError
from labkit.worker.merging import joined_tool_calls, merged
from labkit.worker.messages import Delta, LogprobEntry, TokenText, ToolCallDelta

MEDIA_TYPE = "application/x-ndjson"
Shape = Literal["chat", "generate"]
_NANOSECONDS = 1_000_000_000


class OllamaWire:
    """Writes one answer of /api/chat (`shape` "chat") or /api/generate, streamed or whole.

    Tool calls are whole objects here: in a stream each is written when the next one begins or the answer ends.
    Nearly every line is one piece of text, and all of it but the text and the time is written once.
    """

    media_type = MEDIA_TYPE
    ping = b""  # the format knows no line that means nothing

    def __init__(self, model: str, shape: Shape, *, started: float, load_seconds: float = 0.0) -> None:
        """`started` is when the request came, on the monotonic clock; `load_seconds` went to loading the model."""
        self._model, self._shape = model, shape
        self._started, self._load_seconds = started, load_seconds
        self._calls: list[ToolCallDelta] = []
        self._text_start = b'{"model":' + sse.quoted(model) + b',"created_at":"'
        opened = b'","message":{"role":"assistant","content":' if shape == "chat" else b'","response":'
        self._text_open = opened
        self._text_end = (b"}" if shape == "chat" else b"") + b',"done":false}\n'

    def encode(self, deltas: Sequence[Delta]) -> bytes:
        """Lines for news, possibly none."""
        return b"".join([self._encode(delta) for delta in deltas])

    def failure(self, error: LabkitError) -> bytes:
        """One line; it is the end of the stream."""
        return self._line(OLLAMA.envelope(error))

    def whole(self, deltas: list[Delta]) -> dict[str, Any]:
        """The whole answer as one object."""
        choice = merged(deltas)[-1]
        calls = joined_tool_calls(choice.tool_calls)
        return self._object(choice.content, choice.reasoning, calls, choice.logprobs) | self._end(choice)

    def empty(self, done_reason: Literal["load", "unload"]) -> dict[str, Any]:
        """The answer to a request that only loads or unloads the model."""
        return self._object("", "", (), ()) | {"done": True, "done_reason": done_reason}

    def _encode(self, delta: Delta) -> bytes:
        if delta.finish_reason or delta.tool_calls or delta.reasoning or delta.logprobs:
            return self._lines(delta)
        if not delta.content:
            return b""
        return self._text_start + _now() + self._text_open + sse.quoted(delta.content) + self._text_end

    def _lines(self, delta: Delta) -> bytes:
        lines = b""
        if delta.reasoning or delta.content or delta.logprobs:
            piece = self._object(delta.content, delta.reasoning, (), delta.logprobs)
            lines = self._line(piece | {"done": False})
        for call in self._complete_calls(delta):
            lines += self._line(self._object("", "", (call,), ()) | {"done": False})
        if delta.finish_reason is not None:
            lines += self._line(self._object("", "", (), ()) | self._end(delta))
        return lines

    def _complete_calls(self, delta: Delta) -> tuple[ToolCallDelta, ...]:
        """Calls of which all is there; the others wait."""
        self._calls += delta.tool_calls
        if not self._calls:
            return ()
        begun = self._calls[-1].index
        if delta.finish_reason is None and self._calls[0].index == begun:
            return ()
        calls = joined_tool_calls(self._calls)
        self._calls = [call for call in calls if call.index == begun and delta.finish_reason is None]
        return tuple(call for call in calls if call not in self._calls)

    def _object(
        self, content: str, reasoning: str, calls: Sequence[ToolCallDelta], logprobs: Sequence[LogprobEntry]
    ) -> dict[str, Any]:
        objects = [_tool_call(call) for call in calls]
        unread = "".join(_unread(call) for call, read in zip(calls, objects, strict=True) if read is None)
        thinking = {"thinking": reasoning} if reasoning else {}
        head = {"model": self._model, "created_at": _now().decode()}
        if self._shape == "generate":
            text: dict[str, Any] = {"response": content + unread, **thinking}
        else:
            message: dict[str, Any] = {"role": "assistant", "content": content + unread, **thinking}
            if whole := [call for call in objects if call is not None]:
                message["tool_calls"] = whole
            text = {"message": message}
        return head | text | ({"logprobs": [_logprob(entry) for entry in logprobs]} if logprobs else {})

    def _end(self, delta: Delta) -> dict[str, Any]:
        reason = "length" if delta.finish_reason == "length" else "stop"
        return {"done": True, "done_reason": reason, **self.durations(delta.usage, delta.timings)}

    def durations(self, usage: Usage | None, timings: Timings | None) -> dict[str, int]:
        """Counts, and times in nanoseconds."""
        figures = {
            "total_duration": nanoseconds(time.monotonic() - self._started),
            "load_duration": nanoseconds(self._load_seconds),
        }
        if usage is not None and timings is not None:
            figures |= {
                "prompt_eval_count": usage.prompt_tokens,
                "prompt_eval_duration": nanoseconds(timings.prefill_seconds),
                "eval_count": usage.completion_tokens,
                "eval_duration": nanoseconds(timings.decode_seconds),
            }
        return figures

    def _line(self, value: dict[str, Any]) -> bytes:
        return sse.quoted(value) + b"\n"


def nanoseconds(seconds: float) -> int:
    """Whole ones."""
    return round(seconds * _NANOSECONDS)


def _now() -> bytes:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z").encode()


def _tool_call(call: ToolCallDelta) -> dict[str, Any] | None:
    """The call as an object; None when its arguments are none, because the answer was cut in it."""
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError:
        return None
    if not isinstance(arguments, dict):
        return None
    return {"id": call.id or "", "function": {"index": call.index, "name": call.name or "", "arguments": arguments}}


def _unread(call: ToolCallDelta) -> str:
    """A call that is no object is text: nothing of an answer gets lost."""
    return f"{call.name}({call.arguments}"


def _logprob(entry: LogprobEntry) -> dict[str, Any]:
    return {**_token(entry.chosen), "top_logprobs": [_token(token) for token in entry.top]}


def _token(token: TokenText) -> dict[str, Any]:
    return {
        "token": token.bytes.decode(errors="replace"),
        "logprob": token.logprob,
        "bytes": list(token.bytes),
    }
