"""What spans say of a request, after OpenTelemetry's GenAI and HTTP conventions (semantic-conventions-genai, 2026).

Nothing that a client wrote is among it: see `span_content` for that.
"""

from typing import Any

from labkit.api.observation import Observation
from labkit.api.observers.durations import first_token_seconds, operation_name
from labkit.api.observers.gen_ai_series import PROVIDER
from labkit.worker.messages import Complete, Embed, Generate

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SAMPLING = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed")
_JSON_CONSTRAINTS = ("json_object", "json_schema")


def http_attributes(observation: Observation) -> dict[str, Any]:
    """Of the span of the HTTP request. No path and no query: they may hold what a client wrote."""
    return _known(
        {
            "http.request.method": observation.method if observation.method in _METHODS else "_OTHER",
            "http.route": observation.route,
            "http.response.status_code": observation.status,
            "url.scheme": "http",
            "error.type": error_type(observation),
            "labkit.request.id": observation.request_id,
            "labkit.key.id": observation.caller.key_id,
            **_server(observation),
        }
    )


def model_attributes(observation: Observation, served_as: str | None) -> dict[str, Any]:
    """Of the span of the model's work; `served_as` is the model's own name."""
    usage = observation.usage
    return _known(
        {
            "gen_ai.operation.name": operation_name(observation),
            "gen_ai.provider.name": PROVIDER,
            "gen_ai.request.model": observation.model,
            "gen_ai.request.stream": observation.is_stream or None,
            "gen_ai.response.id": observation.answer_id,
            "gen_ai.response.model": served_as,
            "gen_ai.response.finish_reasons": list(observation.finish_reasons),
            "gen_ai.response.time_to_first_chunk": first_token_seconds(observation) if observation.is_stream else None,
            "gen_ai.usage.input_tokens": usage.prompt_tokens if usage else None,
            "gen_ai.usage.output_tokens": usage.completion_tokens if usage else observation.num_tokens or None,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens if usage else None,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None if usage else None,
            "error.type": error_type(observation),
            "labkit.cache.source": usage.cached_from if usage else None,
            "labkit.stop_causes": [report.stop_cause for report in observation.reports if report.stop_cause],
            "labkit.batch.mean": max((report.mean_batch for report in observation.reports), default=None),
            **_asked(observation),
            **_server(observation),
        }
    )


def error_type(observation: Observation) -> str | None:
    """The class of what went wrong; None where nothing did."""
    if observation.error is not None:
        return type(observation.error).__name__
    if observation.client_left:
        return "client_left"
    return str(observation.status) if (observation.status or 0) >= 500 else None


def _asked(observation: Observation) -> dict[str, Any]:
    operation = observation.operation
    if isinstance(operation, Embed):
        return {"gen_ai.embeddings.dimension.count": operation.dimensions}
    if not isinstance(operation, (Generate, Complete)):
        return {}
    found: dict[str, Any] = {f"gen_ai.request.{name}": getattr(operation.sampling, name) for name in _SAMPLING}
    found["gen_ai.request.max_tokens"] = operation.max_tokens
    found["gen_ai.request.choice.count"] = operation.num_choices if operation.num_choices != 1 else None
    is_json = operation.constraint is not None and operation.constraint.kind in _JSON_CONSTRAINTS
    if isinstance(operation, Generate):
        found["gen_ai.request.reasoning.level"] = operation.reasoning_effort
        is_json = is_json or operation.response_schema is not None
    found["gen_ai.output.type"] = "json" if is_json else "text"
    return found


def _server(observation: Observation) -> dict[str, Any]:
    address, port = observation.server or (None, None)
    return {"server.address": address, "server.port": port}


def _known(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value not in (None, "", [])}
