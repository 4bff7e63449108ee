"""From a worker's deltas to OpenAI's text completion: one object, or a stream of chunks."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from labkit.api import sse
from labkit.api.completion_request import CompletionCall
from labkit.api.errors import envelope
from labkit.api.figures import timings_object, usage_object
from labkit.api.legacy_logprobs import LegacyLogprobs
from labkit.errors import LabkitError
from labkit.worker.merging import merged
from labkit.worker.messages import Delta

LEAST = float("-inf")
NOTHING: Mapping[str, Any] = {}


class CompletionWire:
    """Writes one answer, streamed or whole. All of a chunk but its text is written once."""

    media_type = sse.MEDIA_TYPE
    ping = sse.PING

    def __init__(self, call: CompletionCall, answer_id: str) -> None:
        self._call = call
        tier = {} if call.service_tier is None else {"service_tier": call.service_tier}
        self._head: dict[str, Any] = {
            "id": answer_id,
            "object": "text_completion",
            "created": int(time.time()),
            "model": call.model,
            **tier,
        }
        self._usage_field: dict[str, Any] = {"usage": None} if call.include_usage else {}
        self._start = sse.event(self._head)[: -len(b"}\n\n")] + b',"choices":[{"index":%d,"text":'
        usage = b',"usage":null' if call.include_usage else b""
        self._end = b',"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"
        self._starts: dict[int, bytes] = {}
        self._logprobs: dict[int, LegacyLogprobs] = {}

    def encode(self, deltas: Sequence[Delta]) -> bytes:
        """Events for news, possibly none: text held back for a stop string is not news."""
        return b"".join([self._encode(delta) for delta in deltas])

    def failure(self, error: LabkitError) -> bytes:
        """One error event; it is the end of the stream."""
        return sse.event(envelope(error))

    def whole(self, deltas: list[Delta]) -> dict[str, Any]:
        """The whole answer as one object."""
        choices = merged(deltas)
        last = choices[-1]
        return {
            **self._head,
            "choices": [self._whole_choice(index, choice) for index, choice in enumerate(self._best(choices))],
            "usage": usage_object(last.usage),
            "timings": timings_object(last.usage, last.timings),
        }

    def _best(self, choices: list[Delta]) -> list[Delta]:
        """In order, and of each prompt's choices no more than were asked for: those with the likeliest tokens."""
        ordered = sorted(choices, key=lambda choice: choice.choice)
        generated, wanted = self._call.operation.num_choices, self._call.num_best
        if generated == wanted:
            return ordered
        best: list[Delta] = []
        for start in range(0, len(ordered), generated):
            best += sorted(ordered[start : start + generated], key=_mean_logprob, reverse=True)[:wanted]
        return best

    def _whole_choice(self, index: int, choice: Delta) -> dict[str, Any]:
        return {
            "text": _text(choice),
            "index": index,
            "logprobs": self._logprobs_object(choice),
            "finish_reason": choice.finish_reason,
        }

    def _encode(self, delta: Delta) -> bytes:
        if delta.finish_reason is None and not delta.logprobs and delta.prompt is None:
            if not delta.content:
                return b""
            start = self._starts.get(delta.choice)
            if start is None:
                start = self._starts[delta.choice] = self._start % delta.choice
            return start + sse.quoted(delta.content) + self._end
        has_news = bool(delta.content or delta.logprobs or delta.prompt)
        events = self._chunk(delta) if has_news else b""
        return events if delta.finish_reason is None else events + self._finish(delta)

    def _finish(self, delta: Delta) -> bytes:
        """Text that comes with the end went before it: readers take a chunk with a finish reason for the end alone."""
        timings = {"timings": timings_object(delta.usage, delta.timings)} if delta.is_last else {}
        if self._call.include_usage:  # they go with it
            timings = {}
        return self._chunk(Delta("", choice=delta.choice), delta.finish_reason, timings) + self._last(delta)

    def _chunk(self, delta: Delta, finish_reason: str | None = None, extra: Mapping[str, Any] = NOTHING) -> bytes:
        choice = {
            "index": delta.choice,
            "text": _text(delta),
            "logprobs": self._logprobs_object(delta),
            "finish_reason": finish_reason,
        }
        return sse.event({**self._head, "choices": [choice], **self._usage_field, **extra})

    def _last(self, delta: Delta) -> bytes:
        if not delta.is_last:
            return b""
        if not self._call.include_usage:
            return sse.DONE
        figures = {"usage": usage_object(delta.usage), "timings": timings_object(delta.usage, delta.timings)}
        return sse.event({**self._head, "choices": [], **figures}) + sse.DONE

    def _logprobs_object(self, delta: Delta) -> dict[str, Any] | None:
        if self._call.logprobs is None or not (delta.logprobs or delta.prompt):
            return None
        held = self._logprobs.setdefault(delta.choice, LegacyLogprobs())
        return held.written(delta.prompt, delta.logprobs)


def _text(delta: Delta) -> str:
    return (delta.prompt.text if delta.prompt else "") + delta.content


def _mean_logprob(choice: Delta) -> float:
    values = [entry.chosen.logprob for entry in choice.logprobs]
    return sum(values) / len(values) if values else LEAST
