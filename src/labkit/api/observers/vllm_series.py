"""Metrics of requests under vLLM's names, so that its dashboards and scalers work as they are."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from labkit.api.backend import ModelStats
from labkit.api.observation import Observation
from labkit.api.observers import buckets
from labkit.api.observers.durations import first_token_seconds, seconds_per_token, total_seconds
from labkit.api.observers.tallies import Counter, Histogram, Labels
from labkit.worker.messages import Complete, Generate

_MODEL = ("model_name",)
FINISHED_REASONS = ("stop", "length", "abort", "error")


class VllmSeries:
    """What vLLM tells of requests for text, counted when they end; and its gauges, from the workers' last pulses."""

    def __init__(self) -> None:
        self._prompt_tokens = Counter("vllm:prompt_tokens", "Prompt tokens of answered requests.", _MODEL)
        self._cached_tokens = Counter("vllm:prompt_tokens_cached", "Prompt tokens that were not computed.", _MODEL)
        self._generation_tokens = Counter("vllm:generation_tokens", "Tokens generated.", _MODEL)
        self._queries = Counter("vllm:prefix_cache_queries", "Prompt tokens looked up in the prefix cache.", _MODEL)
        self._hits = Counter("vllm:prefix_cache_hits", "Prompt tokens found in the prefix cache.", _MODEL)
        self._success = Counter(
            "vllm:request_success", "Answers by the reason they ended for.", (*_MODEL, "finished_reason")
        )
        self._times = _histograms(_TIMES)
        self._counts = _histograms(_COUNTS)
        self._known: set[str] = set()

    def ended(self, observation: Observation, model: str) -> None:
        """Count a request that `model` answered, or should have."""
        if not isinstance(observation.operation, (Generate, Complete)):
            return
        self._know(model)
        for reason in _finished_reasons(observation):
            self._success.add((model, reason))
        labels = (model,)
        self._generation_tokens.add(labels, observation.num_tokens)
        self._observe(self._times, labels, _times(observation))
        self._observe(self._counts, labels, _counts(observation))
        if usage := observation.usage:
            self._prompt_tokens.add(labels, usage.prompt_tokens)
            self._cached_tokens.add(labels, usage.cached_tokens)
            self._queries.add(labels, usage.prompt_tokens)
            self._hits.add(labels, usage.cached_tokens)

    def families(self, stats: Mapping[str, ModelStats]) -> Iterator[Metric]:
        """Everything, as the library writes it."""
        for model in stats:
            self._know(model)
        yield from _gauges(stats)
        counters = (self._prompt_tokens, self._cached_tokens, self._generation_tokens, self._queries, self._hits)
        for tally in (*counters, self._success, *self._times.values(), *self._counts.values()):
            yield tally.family()
        yield self._times["inter_token_latency_seconds"].family("vllm:time_per_output_token_seconds")  # before 0.11

    def _know(self, model: str) -> None:
        """Every series starts at 0: a rate over one that appears with its first value misses that value."""
        if model in self._known:
            return
        self._known.add(model)
        for counter in (self._prompt_tokens, self._cached_tokens, self._generation_tokens, self._queries, self._hits):
            counter.add((model,), 0)
        for reason in FINISHED_REASONS:
            self._success.add((model, reason), 0)
        for histogram in (*self._times.values(), *self._counts.values()):
            histogram.add((model,), ())

    @staticmethod
    def _observe(histograms: Mapping[str, Histogram], labels: Labels, values: Mapping[str, Iterable[float]]) -> None:
        for name, found in values.items():
            histograms[name].add(labels, found)


_TIMES = {
    "time_to_first_token_seconds": ("Time to the first token.", buckets.FIRST_TOKEN),
    "inter_token_latency_seconds": ("Time between the pieces of an answer.", buckets.BETWEEN_TOKENS),
    "request_time_per_output_token_seconds": ("Mean time per token after the first.", buckets.BETWEEN_TOKENS),
    "e2e_request_latency_seconds": ("Time from a request's arrival to its end.", buckets.LATENCY),
    "request_queue_time_seconds": ("Time in the queue.", buckets.LATENCY),
    "request_inference_time_seconds": ("Time from leaving the queue to the end.", buckets.LATENCY),
    "request_prefill_time_seconds": ("Time over the prompt.", buckets.LATENCY),
    "request_decode_time_seconds": ("Time over the answer.", buckets.LATENCY),
}
_COUNTS = {
    "request_prompt_tokens": ("Tokens of a prompt.", buckets.TOKENS),
    "request_generation_tokens": ("Tokens of an answer.", buckets.TOKENS),
    "request_prefill_kv_computed_tokens": ("Tokens of a prompt that were computed.", buckets.TOKENS),
    "request_max_num_generation_tokens": ("Tokens that were asked for, by requests with a limit.", buckets.TOKENS),
    "request_params_max_tokens": ("The parameter max_tokens, where it was given.", buckets.TOKENS),
    "request_params_n": ("The parameter n.", buckets.CHOICES),
}


def _histograms(described: Mapping[str, tuple[str, tuple[float, ...]]]) -> dict[str, Histogram]:
    return {name: Histogram(f"vllm:{name}", text, bounds, _MODEL) for name, (text, bounds) in described.items()}


def _times(observation: Observation) -> dict[str, Iterable[float]]:
    found: dict[str, Iterable[float]] = {"e2e_request_latency_seconds": (total_seconds(observation),)}
    if (first := first_token_seconds(observation)) is not None:
        found["time_to_first_token_seconds"] = (first,)
        found["inter_token_latency_seconds"] = observation.gaps
    if (each := seconds_per_token(observation)) is not None:
        found["request_time_per_output_token_seconds"] = (each,)
    if timings := observation.timings:
        found["request_queue_time_seconds"] = (timings.queue_seconds,)
        found["request_prefill_time_seconds"] = (timings.prefill_seconds,)
        found["request_decode_time_seconds"] = (timings.decode_seconds,)
        found["request_inference_time_seconds"] = (timings.prefill_seconds + timings.decode_seconds,)
    return found


def _counts(observation: Observation) -> dict[str, Iterable[float]]:
    operation = observation.operation
    assert isinstance(operation, (Generate, Complete))
    found: dict[str, Iterable[float]] = {"request_params_n": (operation.num_choices,)}
    if operation.max_tokens is not None:
        found["request_max_num_generation_tokens"] = found["request_params_max_tokens"] = (operation.max_tokens,)
    if usage := observation.usage:
        found["request_prompt_tokens"] = (usage.prompt_tokens,)
        found["request_generation_tokens"] = (usage.completion_tokens,)
        found["request_prefill_kv_computed_tokens"] = (usage.prompt_tokens - usage.cached_tokens,)
    return found


def _finished_reasons(observation: Observation) -> tuple[str, ...]:
    """One for each choice of a whole answer; vLLM knows no "tool_calls"."""
    if observation.client_left:
        return ("abort",)
    if observation.error is not None:
        return ("error",)
    return tuple("length" if reason == "length" else "stop" for reason in observation.finish_reasons)


def _gauges(stats: Mapping[str, ModelStats]) -> Iterator[Metric]:
    running = GaugeMetricFamily("vllm:num_requests_running", "Requests that are being computed.", labels=_MODEL)
    waiting = GaugeMetricFamily("vllm:num_requests_waiting", "Requests that wait for a slot.", labels=_MODEL)
    usage = GaugeMetricFamily("vllm:kv_cache_usage_perc", "Share of KV cells in use; 1 is all of them.", labels=_MODEL)
    preemptions = CounterMetricFamily(
        "vllm:num_preemptions", "Times a request gave its cells back, since the worker's start.", labels=_MODEL
    )
    for model, found in stats.items():
        labels, engine = (model,), found.engine
        running.add_metric(labels, found.health.num_running)
        waiting.add_metric(labels, found.health.num_waiting)
        preemptions.add_metric(labels, (engine.get("counters") or {}).get("preemptions", 0))
        if cells := engine.get("num_cells"):
            usage.add_metric(labels, (engine.get("running_cells", 0) + engine.get("cached_cells", 0)) / cells)
    yield from (running, waiting, usage, preemptions)
