"""Metrics of requests under llama-server's names; with several models, each has its own series."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from labkit.api.backend import ModelStats
from labkit.api.observation import Observation
from labkit.worker.messages import Complete, Generate

_MODEL = ("model",)


@dataclass(slots=True)
class _Totals:
    prompt_tokens: int = 0
    prompt_tokens_cached: int = 0
    prompt_seconds: float = 0.0
    tokens_predicted: int = 0
    tokens_predicted_seconds: float = 0.0
    spec_decode_num_draft_tokens: int = 0
    spec_decode_num_accepted_tokens: int = 0
    longest: int = 0
    forwards: int = 0


_COUNTERS = {
    "prompt_tokens": "Prompt tokens that were computed.",
    "prompt_tokens_cached": "Prompt tokens that came from the cache.",
    "prompt_seconds": "Time over prompts.",
    "tokens_predicted": "Tokens generated.",
    "tokens_predicted_seconds": "Time over generated tokens.",
    "spec_decode_num_draft_tokens": "Tokens that speculation proposed.",
    "spec_decode_num_accepted_tokens": "Proposed tokens that the model agreed with.",
}


class LlamaServerSeries:
    """What llama-server tells, counted when requests end; and what runs and waits, from the workers' last pulses."""

    def __init__(self) -> None:
        self._totals: dict[str, _Totals] = {}
        self._before: dict[str, tuple[int, float, int, float]] = {}

    def ended(self, observation: Observation, model: str) -> None:
        """Count a request that `model` answered."""
        usage, timings = observation.usage, observation.timings
        if not isinstance(observation.operation, (Generate, Complete)) or usage is None or timings is None:
            return
        totals = self._totals.setdefault(model, _Totals())
        totals.prompt_tokens += usage.prompt_tokens - usage.cached_tokens
        totals.prompt_tokens_cached += usage.cached_tokens
        totals.prompt_seconds += timings.prefill_seconds
        totals.tokens_predicted += usage.completion_tokens
        totals.tokens_predicted_seconds += timings.decode_seconds
        totals.spec_decode_num_draft_tokens += usage.drafted_tokens
        totals.spec_decode_num_accepted_tokens += usage.accepted_tokens
        totals.longest = max(totals.longest, usage.prompt_tokens + usage.completion_tokens)

    def families(self, stats: Mapping[str, ModelStats]) -> Iterator[Metric]:
        """Everything, as the library writes it. The two rates are of what ended since they were last asked for."""
        for model in stats:
            self._totals.setdefault(model, _Totals())
        for name, text in _COUNTERS.items():
            family = CounterMetricFamily(f"llamacpp:{name}", text, labels=_MODEL)
            for model, totals in self._totals.items():
                family.add_metric((model,), getattr(totals, name))
            yield family
        longest = GaugeMetricFamily("llamacpp:n_tokens_max", "Longest sequence so far.", labels=_MODEL)
        for model, totals in self._totals.items():
            longest.add_metric((model,), totals.longest)
        yield longest
        yield from self._rates()
        yield from _of_pulses(stats)

    def _rates(self) -> Iterator[Metric]:
        prompt = GaugeMetricFamily("llamacpp:prompt_tokens_seconds", "Prompt tokens per second.", labels=_MODEL)
        predicted = GaugeMetricFamily(
            "llamacpp:predicted_tokens_seconds", "Generated tokens per second of a request.", labels=_MODEL
        )
        for model, now in self._totals.items():
            figures = (now.prompt_tokens, now.prompt_seconds, now.tokens_predicted, now.tokens_predicted_seconds)
            before = self._before.get(model, (0, 0.0, 0, 0.0))
            self._before[model] = figures
            prompt.add_metric((model,), _rate(figures[0] - before[0], figures[1] - before[1]))
            predicted.add_metric((model,), _rate(figures[2] - before[2], figures[3] - before[3]))
        yield from (prompt, predicted)


def _of_pulses(stats: Mapping[str, ModelStats]) -> Iterator[Metric]:
    processing = GaugeMetricFamily("llamacpp:requests_processing", "Requests being computed.", labels=_MODEL)
    deferred = GaugeMetricFamily("llamacpp:requests_deferred", "Requests that wait for a slot.", labels=_MODEL)
    decodes = CounterMetricFamily("llamacpp:n_decode", "Forwards since the worker's start.", labels=_MODEL)
    busy = GaugeMetricFamily("llamacpp:n_busy_slots_per_decode", "Sequences in a forward, on average.", labels=_MODEL)
    for model, found in stats.items():
        labels, counters = (model,), found.engine.get("counters") or {}
        processing.add_metric(labels, found.health.num_running)
        deferred.add_metric(labels, found.health.num_waiting)
        decodes.add_metric(labels, counters.get("num_steps", 0))
        if "num_sequences" in counters:
            busy.add_metric(labels, counters["num_sequences"] / max(counters.get("num_steps", 0), 1))
    yield from (processing, deferred, decodes, busy)


def _rate(count: float, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0
