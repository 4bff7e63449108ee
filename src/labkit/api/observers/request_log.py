"""One line in the log for each request: what was asked of which model, how long it took, how it ended.

Never a prompt, an answer, a key, a query string, or an error's text, which may quote any of these.
"""

import logging
from typing import Any

from labkit.api.errors import status_of
from labkit.api.observation import Observation
from labkit.api.observers.durations import first_token_seconds, operation_name, total_seconds

# Asked again and again by programs: not worth a line while all is well.
POLLED = frozenset({"/health", "/ready", "/ping", "/version", "/metrics", "/labkit/stats"})
MAX_NAME_CHARS = 80
_logger = logging.getLogger("labkit.requests")


class RequestLog:
    """An observer. Writes to the logger labkit.requests: the text as its message, the facts as `record.request`."""

    def started(self, observation: Observation) -> None:
        """See Observer."""

    def ended(self, observation: Observation) -> None:
        """See Observer."""
        level = logging.DEBUG if is_poll(observation) else logging.INFO
        if _logger.isEnabledFor(level):
            facts = facts_of(observation)
            _logger.log(level, "%s", text_of(facts), extra={"request": facts})


def facts_of(observation: Observation) -> dict[str, Any]:
    """What a line says, by name; only what is known."""
    usage, timings, error = observation.usage, observation.timings, observation.error
    facts = {
        "request_id": observation.request_id,
        "answer_id": observation.answer_id,
        "method": observation.method[:MAX_NAME_CHARS],
        "route": observation.route,
        "status": observation.status,
        "operation": operation_name(observation),
        "model": observation.model[:MAX_NAME_CHARS],
        "stream": observation.is_stream or None,
        "key_id": observation.caller.key_id,
        "seconds": round(total_seconds(observation), 6),
        "first_token_seconds": _rounded(first_token_seconds(observation)),
        "queue_seconds": _rounded(timings.queue_seconds) if timings else None,
        "prefill_seconds": _rounded(timings.prefill_seconds) if timings else None,
        "decode_seconds": _rounded(timings.decode_seconds) if timings else None,
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "cached_tokens": usage.cached_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else observation.num_tokens or None,
        "finish_reason": ",".join(observation.finish_reasons),
        "client_left": observation.client_left or None,
        "error": type(error).__name__.removesuffix("Error") if error else None,
        "error_status": status_of(error) if error else None,
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def text_of(facts: dict[str, Any]) -> str:
    """The same for people, on one line whatever is in it."""
    parts = [facts["method"], facts["route"], str(facts.get("status", "-"))]
    parts += [str(facts[name]) for name in ("model", "finish_reason", "error") if name in facts]
    if "client_left" in facts:
        parts.append("the client left")
    if "completion_tokens" in facts:
        prompt, cached = facts.get("prompt_tokens", "?"), facts.get("cached_tokens")
        parts.append(f"{prompt}+{facts['completion_tokens']} tokens" + (f" ({cached} cached)" if cached else ""))
    if "first_token_seconds" in facts:
        parts.append(f"first after {_milliseconds(facts['first_token_seconds'])}")
    parts.append(_milliseconds(facts["seconds"]))
    parts += [f"key {facts['key_id']}"] if "key_id" in facts else []
    return " ".join(map(_on_one_line, (*parts, facts["request_id"])))


def _on_one_line(text: str) -> str:
    return (
        text
        if text.isprintable()
        else "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    )


def is_poll(observation: Observation) -> bool:
    """A question about the endpoint's health or figures that went well."""
    return observation.route in POLLED and observation.error is None and (observation.status or 500) < 400


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
