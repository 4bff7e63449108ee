"""Metrics of the endpoint itself: requests by route, bugs, refusals, workers, processes, caches."""

from collections.abc import Iterator, Mapping
from typing import get_args

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from labkit.api.backend import ModelState, ModelStats
from labkit.api.errors import status_of
from labkit.api.observation import Observation
from labkit.api.observers import buckets
from labkit.api.observers.durations import total_seconds
from labkit.api.observers.tallies import Counter, Histogram

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUG_STATUS = 500
_ENGINE_GAUGES = (
    "num_cells", "running_cells", "cached_cells", "cached_slots", "num_threads", "num_threads_prefill",
)  # fmt: skip


class LabkitSeries:
    """What only labkit tells. Labels come from routes, error classes and served models: all of them are few."""

    def __init__(self) -> None:
        self._requests = Counter("labkit_http_requests", "Requests by route and status.", ("method", "route", "status"))
        self._seconds = Histogram(
            "labkit_http_request_duration_seconds", "Time over a request.", buckets.FIRST_TOKEN, ("route",)
        )
        self._refused = Counter("labkit_refused", "Requests refused or failed, by the kind of error.", ("reason",))
        self._bugs = Counter("labkit_bugs", "Answers that failed by a fault of labkit or of the native core.", ())
        self._bugs.add((), 0)
        self._left = Counter("labkit_clients_left", "Clients that left before their answer was over.", ())
        self._left.add((), 0)
        self._running = 0
        self._processes: dict[int, psutil.Process] = {}

    def started(self) -> None:
        """A request was let in."""
        self._running += 1

    def ended(self, observation: Observation) -> None:
        """Count any request."""
        self._running -= 1
        method = observation.method if observation.method in _METHODS else "other"
        self._requests.add((method, observation.route, str(observation.status or "none")))
        self._seconds.add((observation.route,), (total_seconds(observation),))
        if observation.client_left:
            self._left.add(())
        if (error := observation.error) is None:
            return
        if status_of(error) == BUG_STATUS:
            self._bugs.add(())
        else:
            self._refused.add((type(error).__name__.removesuffix("Error"),))

    def families(self, stats: Mapping[str, ModelStats]) -> Iterator[Metric]:
        """Everything, as the library writes it."""
        for tally in (self._requests, self._seconds, self._refused, self._bugs, self._left):
            yield tally.family()
        yield GaugeMetricFamily("labkit_http_requests_running", "Requests that are not over.", self._running)
        yield from _models(stats)
        yield from _engines(stats)
        yield from self._of_processes(stats)

    def _of_processes(self, stats: Mapping[str, ModelStats]) -> Iterator[Metric]:
        labels = ("process", "model")
        memory = GaugeMetricFamily("labkit_process_resident_memory_bytes", "Resident memory.", labels=labels)
        cpu = CounterMetricFamily("labkit_process_cpu_seconds", "User and system time.", labels=labels)
        pids = {("worker", name): found.pid for name, found in stats.items() if found.pid is not None}
        pids[("front", "")] = psutil.Process().pid
        self._processes = {pid: process for pid, process in self._processes.items() if pid in pids.values()}
        for key, pid in pids.items():
            try:
                process = self._processes.setdefault(pid, psutil.Process(pid))
                with process.oneshot():
                    times, resident = process.cpu_times(), process.memory_info().rss
            except psutil.Error:  # it ended just now
                continue
            memory.add_metric(key, resident)
            cpu.add_metric(key, times.user + times.system)
        yield from (memory, cpu)


def _models(stats: Mapping[str, ModelStats]) -> Iterator[Metric]:
    state = GaugeMetricFamily("labkit_model_state", "1 for the state a model is in.", labels=("model", "state"))
    restarts = CounterMetricFamily("labkit_worker_restarts", "Times a worker was restarted.", labels=("model",))
    loads = CounterMetricFamily("labkit_model_loads", "Times a model was loaded.", labels=("model",))
    evictions = CounterMetricFamily(
        "labkit_model_evictions", "Times it was unloaded for another, or because nobody asked.", labels=("model",)
    )
    age = GaugeMetricFamily("labkit_last_step_age_seconds", "Age of a busy engine's last step.", labels=("model",))
    for model, found in stats.items():
        health = found.health
        for name in get_args(ModelState):
            state.add_metric((model, name), float(name == health.state))
        restarts.add_metric((model,), health.num_restarts)
        loads.add_metric((model,), found.num_loads)
        evictions.add_metric((model,), found.num_evictions)
        if health.last_step_age_seconds is not None:
            age.add_metric((model,), health.last_step_age_seconds)
    yield from (state, restarts, loads, evictions, age)


def _engines(stats: Mapping[str, ModelStats]) -> Iterator[Metric]:
    """Figures of the pulses as they are: the engine's own names, since its start."""
    gauges = {
        name: GaugeMetricFamily(f"labkit_engine_{name}", f"{name} now.", labels=("model",)) for name in _ENGINE_GAUGES
    }
    counters: dict[str, CounterMetricFamily] = {}
    for model, found in stats.items():
        for name, gauge in gauges.items():
            if (value := found.engine.get(name)) is not None:
                gauge.add_metric((model,), value)
        for name, value in (found.engine.get("counters") or {}).items():
            if name not in counters:
                text = f"{name} since the worker's start."
                counters[name] = CounterMetricFamily(f"labkit_engine_{name}", text, labels=("model",))
            counters[name].add_metric((model,), value)
    yield from gauges.values()
    yield from counters.values()
