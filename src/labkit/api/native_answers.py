"""From a worker's deltas to llama-server's own answer of POST /completion: objects, or a stream of them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from labkit.api import sse
from labkit.api.completion_request import CompletionCall
from labkit.api.errors import envelope
from labkit.api.figures import timings_object
from labkit.api.legacy_logprobs import token_name
from labkit.errors import LabkitError
from labkit.worker.merging import merged
from labkit.worker.messages import Delta, LogprobEntry, Report, TokenText

_STOP_TYPES = {
    "end_of_generation": "eos",
    "stop_token": "eos",
    "constraint_complete": "eos",
    "stop_text": "word",
    "max_tokens": "limit",
    "context_full": "limit",
}


class NativeWire:
    """Writes one answer, streamed or whole. Several choices are a list, as there."""

    media_type = sse.MEDIA_TYPE
    ping = sse.PING

    def __init__(self, call: CompletionCall) -> None:
        self._call = call

    def encode(self, deltas: Sequence[Delta]) -> bytes:
        """Events for news, possibly none."""
        return b"".join([self._encode(delta) for delta in deltas])

    def failure(self, error: LabkitError) -> bytes:
        """One event with the error; it is the end of the stream."""
        return sse.event(envelope(error))

    def whole(self, deltas: list[Delta]) -> Any:
        """The whole answer as one object, or as a list of them."""
        choices = sorted(merged(deltas), key=lambda choice: choice.choice)
        last = next((choice for choice in choices if choice.is_last), choices[-1])
        objects = [self._whole_choice(choice, last) for choice in choices]
        return objects[0] if len(objects) == 1 else objects

    def _encode(self, delta: Delta) -> bytes:
        events = b""
        if delta.content or delta.logprobs:
            news = {"index": delta.choice, "content": delta.content, "tokens": [], "stop": False}
            events = sse.event({**news, **self._probabilities(delta.logprobs)})
        if delta.finish_reason is None:
            return events
        end = {"index": delta.choice, "content": "", "tokens": [], "stop": True, **self._end(delta, delta)}
        return events + sse.event(end)

    def _whole_choice(self, choice: Delta, last: Delta) -> dict[str, Any]:
        return {
            "index": choice.choice,
            "content": choice.content,
            "tokens": [],
            "stop": True,
            **self._end(choice, last),
            **self._probabilities(choice.logprobs),
        }

    def _end(self, choice: Delta, last: Delta) -> dict[str, Any]:
        """What is known when a choice is over. The figures are of the whole request, with its last choice."""
        report = choice.report or Report()
        usage = last.usage
        return {
            "model": self._call.model,
            "prompt": self._prompt(choice.choice),
            "generation_settings": asdict(report.sampling) if report.sampling else {},
            "stop_type": _STOP_TYPES.get(
                report.stop_cause or "", "limit" if choice.finish_reason == "length" else "eos"
            ),
            "stopping_word": report.stop_text,
            "truncated": report.stop_cause == "context_full",
            "tokens_predicted": usage.completion_tokens if usage else None,
            "tokens_evaluated": usage.prompt_tokens if usage else None,
            "tokens_cached": usage.cached_tokens if usage else None,
            "timings": timings_object(usage, last.timings),
        }

    def _prompt(self, choice: int) -> Any:
        operations = (self._call.operation, *self._call.more)
        return operations[choice // self._call.operation.num_choices].prompt

    def _probabilities(self, entries: Sequence[LogprobEntry]) -> dict[str, Any]:
        if self._call.logprobs is None or not entries:
            return {}
        written = [
            {**_token(entry.chosen), "top_logprobs": [_token(token) for token in entry.top]} for entry in entries
        ]
        return {"completion_probabilities": written}


def _token(token: TokenText) -> dict[str, Any]:
    return {"id": token.id, "token": token_name(token), "bytes": list(token.bytes), "logprob": token.logprob}
