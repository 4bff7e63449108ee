"""Spans of requests, sent to a collector by OpenTelemetry's own exporter, in a thread of its own.

They are made when a request ends, from what was observed. A collector that is slow, down or wrong costs spans, never a
request: what the exporter's bounded queue does not take is dropped.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Generator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from labkit.api.observation import Observation
from labkit.api.observers.durations import operation_name
from labkit.api.observers.request_log import is_poll
from labkit.api.observers.span_attributes import error_type, http_attributes, model_attributes
from labkit.api.observers.span_content import content_attributes, wants_content
from labkit.errors import MissingExtraError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span, TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE_NAME = "labkit"
FAREWELL_SECONDS = 2.0
_NANO = 1_000_000_000


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether the environment names a collector."""
    return any(environment.get(name) for name in ENDPOINTS)


def is_installed() -> bool:
    """Whether the otel extra is there."""
    try:
        return all(
            find_spec(name) is not None for name in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
        )
    except ModuleNotFoundError:  # a package around the one asked for
        return False


class Tracing:
    """An observer: a span for each HTTP request, in it one for the model's work, in it queue, prefill and decode."""

    def __init__(self, provider: "TracerProvider", own_name: Callable[[str], str | None], *, content: bool) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer = provider.get_tracer("labkit")
        self._propagator = TraceContextTextMapPropagator()
        self._own_name = own_name
        self._content = content

    def started(self, observation: Observation) -> None:
        """See Observer."""
        if self._content:
            observation.kept = []

    def ended(self, observation: Observation) -> None:
        """See Observer."""
        from opentelemetry.trace import SpanKind

        if is_poll(observation):
            return
        parent = self._propagator.extract(observation.trace_context)
        name = f"{observation.method} {observation.route}"
        started, ended = observation.started, observation.ended or observation.started
        with self._span(name, observation, (started, ended), parent, kind=SpanKind.SERVER) as (span, inside):
            span.set_attributes(http_attributes(observation))
            if operation_name(observation):
                self._model(observation, inside)

    def _model(self, observation: Observation, parent: "Context") -> None:
        name = f"{operation_name(observation)} {observation.model}"
        whole = (observation.started, observation.ended or observation.started)
        with self._span(name, observation, whole, parent) as (span, inside):
            span.set_attributes(model_attributes(observation, self._own_name(observation.model)))
            if self._content:
                span.set_attributes(content_attributes(observation))
            for phase, times in _phases(observation).items():
                with self._span(phase, observation, times, inside, is_part=True):
                    pass

    @contextlib.contextmanager
    def _span(
        self,
        name: str,
        observation: Observation,
        times: tuple[float, float],
        parent: "Context",
        *,
        is_part: bool = False,
        kind: Any = None,
    ) -> "Generator[tuple[Span, Context], None, None]":
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        started, ended = (int((observation.created + moment - observation.started) * _NANO) for moment in times)
        span = self._tracer.start_span(name, parent, kind or SpanKind.INTERNAL, start_time=started)
        try:
            yield span, set_span_in_context(span, parent)
            if not is_part and _is_failure(observation):
                span.set_status(Status(StatusCode.ERROR))
        finally:
            span.end(ended)


def _is_failure(observation: Observation) -> bool:
    """A client's own mistake is no error of the server."""
    if observation.error is None:
        return (observation.status or 0) >= 500
    return error_type(observation) is not None and not 400 <= (observation.status or 0) < 500


def _phases(observation: Observation) -> dict[str, tuple[float, float]]:
    """When each phase was, counted back from the last piece of the answer; never before the request came."""
    timings = observation.timings
    if timings is None:
        return {}
    end = observation.last_token or observation.ended or observation.started
    decode = max(end - timings.decode_seconds, observation.started)
    prefill = max(decode - timings.prefill_seconds, observation.started)
    queue = max(prefill - timings.queue_seconds, observation.started)
    return {"queue": (queue, prefill), "prefill": (prefill, decode), "decode": (decode, end)}


@contextlib.contextmanager
def open_tracing(
    own_name: Callable[[str], str | None],
    environment: Mapping[str, str] | None = None,
    *,
    processor: "SpanProcessor | None" = None,
) -> Generator[Tracing, None, None]:
    """An observer that sends spans where OTEL_EXPORTER_OTLP_ENDPOINT says (a collector on this machine, if nothing).

    `processor` takes the spans instead. Leaving the context sends what is left, for 2 s at most. Raises
    MissingExtraError without the otel extra.
    """
    if not is_installed():
        raise MissingExtraError("otel", "sending traces")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    env = os.environ if environment is None else environment
    name = {} if env.get("OTEL_SERVICE_NAME") else {"service.name": SERVICE_NAME}
    provider = TracerProvider(resource=Resource.create(name), shutdown_on_exit=False)
    provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield Tracing(provider, own_name, content=wants_content(env))
    finally:
        farewell = threading.Thread(target=provider.shutdown, name="labkit-traces", daemon=True)
        farewell.start()
        farewell.join(FAREWELL_SECONDS)
