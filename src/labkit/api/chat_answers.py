"""From a worker's deltas to OpenAI's chat completion: one object, or a stream of chunks."""

import time
from collections.abc import Iterable
from typing import Any

from labkit.api import sse
from labkit.engine.types import Timings, Usage
from labkit.worker.messages import Delta, ToolCallDelta


class ChatChunks:
    """Writes one streamed answer. No chunk comes before the first token; the first one carries the role."""

    def __init__(self, model: str, answer_id: str, *, include_usage: bool) -> None:
        self._head = {
            "id": answer_id, "object": "chat.completion.chunk", "created": int(time.time()), "model": model,
        }  # fmt: skip
        self._include_usage = include_usage
        self._role: dict[str, Any] = {"role": "assistant"}

    def encode(self, delta: Delta) -> bytes:
        """Events for one delta, possibly none: text held back for a stop string is not news."""
        events = [self._choice(news, None) for news in _news(delta)]
        if delta.finish_reason is not None:
            events += self._end(delta)
        return b"".join(events)

    def _end(self, delta: Delta) -> list[bytes]:
        extra = {"timings": timings_object(delta.usage, delta.timings)}
        if not self._include_usage:
            return [self._choice({}, delta.finish_reason, extra), sse.DONE]
        usage = {**self._head, "choices": [], "usage": usage_object(delta.usage), **extra}
        return [self._choice({}, delta.finish_reason), sse.event(usage), sse.DONE]

    def _choice(self, news: dict[str, Any], finish_reason: str | None, extra: dict[str, Any] | None = None) -> bytes:
        body = self._role | news
        self._role = {}
        choice = {"index": 0, "delta": body, "logprobs": None, "finish_reason": finish_reason}
        usage = {"usage": None} if self._include_usage else {}
        return sse.event({**self._head, "choices": [choice], **usage, **(extra or {})})


def completion(model: str, answer_id: str, deltas: Iterable[Delta]) -> dict[str, Any]:
    """The whole answer as one object, from all of its deltas."""
    deltas = list(deltas)
    last = deltas[-1]
    tool_calls = _joined_tool_calls(call for delta in deltas for call in delta.tool_calls)
    content = "".join(delta.content for delta in deltas)
    reasoning = "".join(delta.reasoning for delta in deltas)
    message: dict[str, Any] = {"role": "assistant", "content": content or (None if tool_calls else "")}
    if reasoning:
        message |= {"reasoning_content": reasoning, "reasoning": reasoning}
    if tool_calls:
        message["tool_calls"] = tool_calls
    return {
        "id": answer_id,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": last.finish_reason}],
        "usage": usage_object(last.usage),
        "timings": timings_object(last.usage, last.timings),
    }


def usage_object(usage: Usage | None) -> dict[str, Any] | None:
    """Token counts as OpenAI names them."""
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def timings_object(usage: Usage | None, timings: Timings | None) -> dict[str, Any] | None:
    """Times as llama-server names them (prompt_n counts computed tokens, cache_n reused ones), plus the queue."""
    if usage is None or timings is None:
        return None
    computed = usage.prompt_tokens - usage.cached_tokens
    return {
        "cache_n": usage.cached_tokens,
        "prompt_n": computed,
        "prompt_ms": round(timings.prefill_seconds * 1000, 3),
        "prompt_per_second": _rate(computed, timings.prefill_seconds),
        "predicted_n": usage.completion_tokens,
        "predicted_ms": round(timings.decode_seconds * 1000, 3),
        "predicted_per_second": _rate(usage.completion_tokens, timings.decode_seconds),
        "queue_ms": round(timings.queue_seconds * 1000, 3),
    }


def _rate(count: int, seconds: float) -> float | None:
    return round(count / seconds, 2) if seconds > 0 else None


def _news(delta: Delta) -> list[dict[str, Any]]:
    news: list[dict[str, Any]] = []
    if delta.reasoning:
        news.append({"reasoning_content": delta.reasoning, "reasoning": delta.reasoning})
    if delta.content:
        news.append({"content": delta.content})
    if delta.tool_calls:
        news.append({"tool_calls": [_tool_call_delta(call) for call in delta.tool_calls]})
    return news


def _tool_call_delta(call: ToolCallDelta) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": call.arguments}
    if call.id is None:
        return {"index": call.index, "function": function}
    function = {"name": call.name, **function}
    return {"index": call.index, "id": call.id, "type": "function", "function": function}


def _joined_tool_calls(deltas: Iterable[ToolCallDelta]) -> list[dict[str, Any]]:
    calls: dict[int, dict[str, Any]] = {}
    for delta in deltas:
        call = calls.setdefault(
            delta.index, {"id": None, "type": "function", "function": {"name": None, "arguments": ""}}
        )
        call["id"] = delta.id or call["id"]
        call["function"]["name"] = delta.name or call["function"]["name"]
        call["function"]["arguments"] += delta.arguments
    return [calls[index] for index in sorted(calls)]
