"""From a worker's deltas to OpenAI's chat completion: one object, or a stream of chunks."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from labkit.api import sse
from labkit.api.errors import envelope
from labkit.api.figures import timings_object, usage_object
from labkit.errors import LabkitError
from labkit.worker.merging import joined_tool_calls, merged
from labkit.worker.messages import Delta, LogprobEntry, TokenText, ToolCallDelta


class ChatWire:
    """Writes one answer, streamed or whole.

    In a stream no chunk comes before the first token; a choice's first one carries the role.

    Nearly every chunk is one piece of text, and all of it but the text is the same each time: that much is written
    once.
    """

    media_type = sse.MEDIA_TYPE
    ping = sse.PING

    def __init__(self, model: str, answer_id: str, *, include_usage: bool, service_tier: str | None = None) -> None:
        self._identity = (model, answer_id, service_tier)
        self._head = _head(model, answer_id, "chat.completion.chunk", service_tier)
        self._include_usage = include_usage
        self._usage_field: dict[str, Any] = {"usage": None} if include_usage else {}
        self._text_starts: dict[int, bytes] = {}
        self._text_end = _text_end(self._usage_field)

    def encode(self, deltas: Sequence[Delta]) -> bytes:
        """Events for news, possibly none: text held back for a stop string is not news."""
        return b"".join([self._encode(delta) for delta in deltas])

    def failure(self, error: LabkitError) -> bytes:
        """One error event; it is the end of the stream."""
        return sse.event(envelope(error))

    def whole(self, deltas: list[Delta]) -> dict[str, Any]:
        """The whole answer as one object."""
        model, answer_id, service_tier = self._identity
        return completion(model, answer_id, deltas, service_tier=service_tier)

    def _encode(self, delta: Delta) -> bytes:
        start = self._text_starts.get(delta.choice)
        if start is None or delta.finish_reason or delta.tool_calls or delta.reasoning or delta.logprobs:
            return self._events(delta)
        return start + sse.quoted(delta.content) + self._text_end if delta.content else b""

    def _events(self, delta: Delta) -> bytes:
        logprobs = logprobs_object(delta.logprobs)
        events: list[bytes] = []
        for news in _news(delta) or ([{}] if logprobs else []):
            events.append(self._choice(delta, news, logprobs=logprobs))
            logprobs = None
        if delta.finish_reason is not None:
            events += self._end(delta)
        return b"".join(events)

    def _end(self, delta: Delta) -> list[bytes]:
        if not delta.is_last:
            return [self._choice(delta, {}, delta.finish_reason)]
        extra = {"timings": timings_object(delta.usage, delta.timings)}
        if not self._include_usage:
            return [self._choice(delta, {}, delta.finish_reason, extra=extra), sse.DONE]
        usage = {**self._head, "choices": [], "usage": usage_object(delta.usage), **extra}
        return [self._choice(delta, {}, delta.finish_reason), sse.event(usage), sse.DONE]

    def _choice(
        self,
        delta: Delta,
        news: dict[str, Any],
        finish_reason: str | None = None,
        *,
        logprobs: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> bytes:
        opened = b""
        if delta.choice not in self._text_starts:
            # OpenAI's client takes choices in the order of their first chunks, and counts log-probabilities in a
            # later choice's first chunk twice.
            last = delta.choice if delta.choice or logprobs else -1
            opened = b"".join([self._open(index) for index in range(last + 1) if index not in self._text_starts])
        if delta.choice not in self._text_starts:
            self._text_starts[delta.choice] = _text_start(self._head, delta.choice)
            news = {"role": "assistant", **news}
        choice = {"index": delta.choice, "delta": news, "logprobs": logprobs, "finish_reason": finish_reason}
        return opened + sse.event({**self._head, "choices": [choice], **self._usage_field, **(extra or {})})

    def _open(self, choice: int) -> bytes:
        """A chunk that only says that there is this choice."""
        self._text_starts[choice] = _text_start(self._head, choice)
        return self._choice(Delta("", choice=choice), {"role": "assistant", "content": ""})


def completion(
    model: str, answer_id: str, deltas: Iterable[Delta], *, service_tier: str | None = None
) -> dict[str, Any]:
    """The whole answer as one object, from all of its deltas."""
    choices = merged(list(deltas))
    last = choices[-1]
    return {
        **_head(model, answer_id, "chat.completion", service_tier),
        "choices": [_whole_choice(choice) for choice in sorted(choices, key=lambda choice: choice.choice)],
        "usage": usage_object(last.usage),
        "timings": timings_object(last.usage, last.timings),
    }


def logprobs_object(entries: Sequence[LogprobEntry]) -> dict[str, Any] | None:
    """Log-probabilities as OpenAI writes them; None where there are none."""
    if not entries:
        return None
    return {
        "content": [
            {**_token(entry.chosen), "top_logprobs": [_token(token) for token in entry.top]} for entry in entries
        ],
        "refusal": None,
    }


def _whole_choice(choice: Delta) -> dict[str, Any]:
    calls = [_tool_call(call) for call in joined_tool_calls(choice.tool_calls)]
    message: dict[str, Any] = {"role": "assistant", "content": choice.content or (None if calls else "")}
    if choice.reasoning:
        message |= {"reasoning_content": choice.reasoning, "reasoning": choice.reasoning}
    if calls:
        message["tool_calls"] = calls
    return {
        "index": choice.choice,
        "message": message,
        "logprobs": logprobs_object(choice.logprobs),
        "finish_reason": choice.finish_reason,
    }


def _head(model: str, answer_id: str, kind: str, service_tier: str | None) -> dict[str, Any]:
    head = {"id": answer_id, "object": kind, "created": int(time.time()), "model": model}
    return head if service_tier is None else {**head, "service_tier": service_tier}


def _text_start(head: dict[str, Any], choice: int) -> bytes:
    """A chunk of one piece of text, up to the text."""
    return sse.event(head)[: -len(b"}\n\n")] + b',"choices":[{"index":%d,"delta":{"content":' % choice


def _text_end(usage_field: dict[str, Any]) -> bytes:
    """What follows the text."""
    usage = b',"usage":null' if usage_field else b""
    return b'},"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"


def _news(delta: Delta) -> list[dict[str, Any]]:
    news: list[dict[str, Any]] = []
    if delta.reasoning:
        news.append({"reasoning_content": delta.reasoning, "reasoning": delta.reasoning})
    if delta.content:
        news.append({"content": delta.content})
    # Each in a chunk of its own: some clients read the first of a chunk and no other.
    news += [{"tool_calls": [_tool_call_delta(call)]} for call in delta.tool_calls]
    return news


def _tool_call_delta(call: ToolCallDelta) -> dict[str, Any]:
    if call.id is None:
        return {"index": call.index, "function": {"arguments": call.arguments}}
    return {"index": call.index, **_tool_call(call)}


def _tool_call(call: ToolCallDelta) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _token(token: TokenText) -> dict[str, Any]:
    return {
        "token": token.bytes.decode(errors="replace"),
        "logprob": token.logprob,
        "bytes": list(token.bytes),
    }
