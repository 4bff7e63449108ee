"""What observing costs: processor time of each observer for one answered request, and of one scrape of /metrics.

    python benchmarks/observers_cost.py [--requests N]

Nothing is observed while tokens pass, beyond one time stamp for each piece of an answer; that is measured too. The
requests are answers of 128 pieces, the backend has four models.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # its made-up requests

from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fakes.front_backend import FrontBackend
from fakes.observations import observation
from labkit.api.observation import Observation, Observer
from labkit.api.observers import Metrics, ReadinessProbe, RecentRequests, RequestLog
from labkit.api.observers.tracing import open_tracing
from labkit.serving.logs import logging_to
from labkit.worker.messages import Delta

PIECES, ROUNDS = 128, 7
MODELS = ("tiny", "a", "b", "c")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500)
    num_requests = parser.parse_args().requests
    backend = FrontBackend(dict.fromkeys(MODELS, "ready"))
    metrics = Metrics(backend)
    print(f"processor time, median of {ROUNDS} rounds of {num_requests} requests of {PIECES} pieces")
    print(f"  {'a piece of an answer':<24}{_seconds(lambda: _see(num_requests)) / num_requests / PIECES * 1e6:8.2f} us")
    for name, observer in {
        "metrics": metrics,
        "explain": RecentRequests(),
        "readiness": ReadinessProbe(backend),
    }.items():
        _print(name, observer, num_requests)
    with tempfile.TemporaryDirectory() as folder:
        for log_format in ("text", "json"):
            with logging_to(Path(folder) / f"{log_format}.log", log_format):
                _print(f"log line, {log_format}", RequestLog(), num_requests)
    logging.disable(logging.WARNING)
    with open_tracing({"tiny": "tiny"}.get, {}, processor=BatchSpanProcessor(InMemorySpanExporter())) as tracing:
        _print("traces (if switched on)", tracing, num_requests)
    for model in MODELS:
        metrics.ended(_answered(model))
    scraped, _ = asyncio.run(metrics.render(""))
    print(f"  {'a scrape of /metrics':<24}{_seconds(lambda: asyncio.run(metrics.render(''))) * 1e6:8.0f} us", end="")
    print(f" in {scraped.count(b'# TYPE')} parts, {len(scraped) / 1024:.0f} KiB for {len(MODELS)} models")


def _print(name: str, observer: Observer, num_requests: int) -> None:
    requests = [_answered("tiny") for _ in range(num_requests)]
    for number, one in enumerate(requests):
        one.request_id = f"req-{number}"

    def run() -> None:
        for one in requests:
            observer.started(one)
            observer.ended(one)

    print(f"  {name:<24}{_seconds(run) / num_requests * 1e6:8.1f} us per request")


def _see(num_requests: int) -> None:
    piece = [Delta("chatcmpl-1", content="x", num_tokens=1)]
    for _ in range(num_requests):
        one = Observation(request_id="req-1")
        for _ in range(PIECES):
            one.see(piece)


def _answered(model: str) -> Observation:
    return observation(model=model, gaps=[0.001 * (n % 40) for n in range(PIECES - 1)], num_tokens=PIECES)


def _seconds(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        took.append(time.process_time() - started)
    return median(took)


if __name__ == "__main__":
    main()
