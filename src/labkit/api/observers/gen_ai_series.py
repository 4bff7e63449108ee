"""Metrics of requests under the names of OpenTelemetry's GenAI conventions, as Prometheus writes such names."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from labkit.api.observation import Observation
from labkit.api.observers import buckets
from labkit.api.observers.durations import first_token_seconds, operation_name, seconds_per_token, total_seconds
from labkit.api.observers.tallies import Histogram

PROVIDER = "labkit"
_LABELS = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")


class GenAiSeries:
    """The conventions' metrics of a model server, counted when requests end."""

    def __init__(self) -> None:
        self._duration = Histogram(
            "gen_ai_server_request_duration_seconds",
            "Time from a request's arrival to its end.",
            buckets.GEN_AI_DURATION,
            (*_LABELS, "error_type"),
        )
        self._first = Histogram(
            "gen_ai_server_time_to_first_token_seconds",
            "Time to the first token of answers without an error.",
            buckets.GEN_AI_FIRST_TOKEN,
            _LABELS,
        )
        self._each = Histogram(
            "gen_ai_server_time_per_output_token_seconds",
            "Mean time per token after the first, of answers without an error.",
            buckets.GEN_AI_PER_TOKEN,
            _LABELS,
        )

    def ended(self, observation: Observation, model: str) -> None:
        """Count a request that `model` answered, or should have."""
        operation = operation_name(observation)
        if not operation:
            return
        labels = (operation, PROVIDER, model)
        error = type(observation.error).__name__ if observation.error else ""
        self._duration.add((*labels, error), (total_seconds(observation),))
        if error:
            return
        if (first := first_token_seconds(observation)) is not None:
            self._first.add(labels, (first,))
        if (each := seconds_per_token(observation)) is not None:
            self._each.add(labels, (each,))

    def families(self) -> Iterator[Metric]:
        """Everything, as the library writes it."""
        yield from (self._duration.family(), self._first.family(), self._each.family())
