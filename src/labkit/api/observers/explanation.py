"""One request as `labkit explain` tells it: what was asked, what was used, where the time went, why it ended.

What a client wrote (messages, tools, documents) is no part of it, but for the prompt that the worker reports where the
endpoint was told to keep prompts.
"""

from dataclasses import fields
from typing import Any

from labkit.api.errors import message_of, status_of
from labkit.api.observation import Observation
from labkit.api.observers.durations import (
    first_token_seconds,
    operation_name,
    seconds_per_token,
    total_seconds,
)
from labkit.engine.types import SamplingOverrides, Usage
from labkit.worker.messages import Complete, Embed, Generate, Report, Rerank

MAX_VALUE_CHARS = 200
MAX_PROMPT_CHARS = 256 * 1024
# What a request is about, under the names of every API: told only as a prompt, where prompts are kept.
_CONTENT = frozenset({"messages", "prompt", "system", "instructions", "input", "suffix", "documents", "query"})
_USAGE = tuple(field.name for field in fields(Usage))
_SAMPLING = tuple(field.name for field in fields(SamplingOverrides))


def explain(observation: Observation) -> dict[str, Any]:
    """Everything that is known of a request, in JSON's own types. Also of one that is not over."""
    caller, usage = observation.caller, observation.usage
    return {
        "request_id": observation.request_id,
        "answer_id": observation.answer_id or None,
        "created": observation.created,
        "state": _state(observation),
        "method": observation.method,
        "route": observation.route,
        "status": observation.status,
        "operation": operation_name(observation) or _question(observation),
        "model": observation.model or None,
        "stream": observation.is_stream,
        "key_id": caller.key_id or None,
        "key_name": caller.name or None,
        "times": _times(observation),
        "tokens": {name: getattr(usage, name) for name in _USAGE} if usage else None,
        "messages": _messages(observation),
        "parameters": _parameters(observation),
        "prompt": _prompt(observation),
        "choices": [
            _choice(report, reason) for report, reason in _paired(observation.reports, observation.finish_reasons)
        ],
        "error": _error(observation),
    }


def _state(observation: Observation) -> str:
    if observation.ended is None:
        return "running"
    if observation.client_left:
        return "client left"
    return "failed" if observation.error else "finished"


def _question(observation: Observation) -> str | None:
    return type(observation.operation).__name__.lower() if observation.operation else None


def _times(observation: Observation) -> dict[str, float | None]:
    timings, is_over = observation.timings, observation.ended is not None
    gaps = observation.gaps
    return {
        "total_seconds": total_seconds(observation) if is_over else None,
        "queue_seconds": timings.queue_seconds if timings else None,
        "prefill_seconds": timings.prefill_seconds if timings else None,
        "decode_seconds": timings.decode_seconds if timings else None,
        "first_token_seconds": first_token_seconds(observation),
        "seconds_per_token": seconds_per_token(observation),
        "longest_gap_seconds": max(gaps) if gaps else None,
    }


def _messages(observation: Observation) -> list[dict[str, Any]]:
    """Tokens of each message; the same for every choice, since they share the prompt."""
    if not observation.reports:
        return []
    return [{"role": role, "tokens": tokens} for role, tokens in observation.reports[0].message_tokens]


def _prompt(observation: Observation) -> str | None:
    prompt = observation.reports[0].prompt if observation.reports else None
    if prompt is not None and len(prompt) > MAX_PROMPT_CHARS:
        return f"{prompt[:MAX_PROMPT_CHARS]} ... (cut: {len(prompt)} characters in all)"
    return prompt


def _parameters(observation: Observation) -> dict[str, Any]:
    """What the client gave, what was used in the end, which of that the model's defaults filled in."""
    used, defaulted = _used(observation)
    return {
        "given": {name: _short(value) for name, value in observation.given.items() if name not in _CONTENT},
        "used": used,
        "defaulted": defaulted,
        "ignored": list(observation.ignored),
    }


def _used(observation: Observation) -> tuple[dict[str, Any], list[str]]:
    operation = observation.operation
    match operation:
        case Generate() | Complete():
            asked = {name: getattr(operation.sampling, name) for name in _SAMPLING}
            final = observation.reports[0].sampling if observation.reports else None
            sampling = asked if final is None else {name: getattr(final, name) for name in _SAMPLING}
            defaulted = [] if final is None else [name for name in _SAMPLING if asked[name] is None]
            used = {name: _short(value) for name, value in sampling.items() if value is not None}
            return used | _limits(operation), defaulted
        case Embed():
            return {"inputs": len(operation.inputs), "dimensions": operation.dimensions}, []
        case Rerank():
            return {"documents": len(operation.documents)}, []
        case _:
            return {}, []


def _limits(operation: Generate | Complete) -> dict[str, Any]:
    found = {
        "max_tokens": operation.max_tokens,
        "min_tokens": operation.min_tokens or None,
        "n": operation.num_choices,
        "stop": _short(list(operation.stop)) if operation.stop else None,
        "logprobs": operation.logprobs,
        "lane": operation.lane,
        "adapters": {use.name: use.scale for use in operation.adapters} or None,
        "reuse": operation.reuse,
    }
    if isinstance(operation, Generate):
        found["tool_choice"] = operation.tool_choice if operation.tools else None
        found["reasoning_effort"] = operation.reasoning_effort
    return {name: value for name, value in found.items() if value is not None}


def _choice(report: Report | None, finish_reason: str) -> dict[str, Any]:
    found: dict[str, Any] = {"finish_reason": finish_reason}
    if report is None:
        return found
    return found | {
        "stop_cause": report.stop_cause,
        "stop_text": report.stop_text or None,
        "companions": list(report.companions),
        "most_companions": report.most_companions,
        "mean_batch": report.mean_batch,
        "num_forwards": report.num_forwards,
        "num_preemptions": report.num_preemptions,
        "constraint": report.constraint or None,
        "constraint_seconds": report.constraint_seconds if report.constraint else None,
        "chat_format": report.chat_format or None,
    }


def _paired(reports: tuple[Report, ...], reasons: tuple[str, ...]) -> list[tuple[Report | None, str]]:
    """Both come with a choice's last delta; a worker without reports gives reasons alone."""
    known = reports if len(reports) == len(reasons) else (None,) * len(reasons)
    return list(zip(known, reasons, strict=True))


def _error(observation: Observation) -> dict[str, Any] | None:
    error = observation.error
    if error is None:
        return None
    return {
        "type": type(error).__name__.removesuffix("Error"),
        "status": status_of(error),
        "param": getattr(error, "param", None),
        "message": message_of(error)[: 10 * MAX_VALUE_CHARS],
    }


def _short(value: Any) -> Any:
    """A value of a request as it can be kept: small, and without what a schema or a tool's text may hold."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return value if len(value) <= MAX_VALUE_CHARS else f"{value[:MAX_VALUE_CHARS]}..."
    if isinstance(value, (list, tuple)):
        if all(isinstance(item, str) and len(item) <= MAX_VALUE_CHARS for item in value) and len(value) <= 8:
            return list(value)
        return f"({len(value)} values)"
    if isinstance(value, dict):
        kind = value.get("type")
        return f"({kind})" if isinstance(kind, str) and len(kind) < 40 else f"({len(value)} fields)"
    return f"({type(value).__name__})"
