import json

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from fakes.observations import generate, observation
from labkit.api.errors import BugError
from labkit.api.observers.span_content import CAPTURE, wants_content
from labkit.api.observers.tracing import open_tracing
from labkit.engine.types import SamplingOverrides
from labkit.errors import InvalidRequestError, WorkerDiedError
from labkit.worker.messages import Complete, Delta, ToolCallDelta

NANO = 10**9


@pytest.fixture
def exported():
    return InMemorySpanExporter()


def trace(one, **environment):
    """Observe one request; its spans by name."""
    exported, own_name = InMemorySpanExporter(), {"tiny": "tiny", "small": "tiny"}.get
    with open_tracing(own_name, environment, processor=SimpleSpanProcessor(exported)) as tracing:
        tracing.started(one)
        tracing.ended(one)
    return {span.name: span for span in exported.get_finished_spans()}


def test_a_request_is_a_tree_of_spans_with_the_callers_above():
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    spans = trace(observation(trace_context={"traceparent": parent}))
    assert set(spans) == {"POST /v1/chat/completions", "chat tiny", "queue", "prefill", "decode"}
    server, model = spans["POST /v1/chat/completions"], spans["chat tiny"]
    assert format(server.context.trace_id, "032x") == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert format(server.parent.span_id, "016x") == "00f067aa0ba902b7"
    assert (server.kind, model.kind) == (SpanKind.SERVER, SpanKind.INTERNAL)
    assert model.parent.span_id == server.context.span_id
    assert {spans[name].parent.span_id for name in ("queue", "prefill", "decode")} == {model.context.span_id}
    assert trace(observation())["POST /v1/chat/completions"].parent is None
    assert trace(observation(trace_context={"traceparent": "nonsense\r\n"}))["POST /v1/chat/completions"].parent is None


def test_phases_lie_one_after_the_other_inside_the_request():
    spans = trace(observation(created=1000.0))
    assert (spans["chat tiny"].start_time, spans["chat tiny"].end_time) == (1000 * NANO, 1001 * NANO)
    ends = [spans[name].end_time / NANO - 1000 for name in ("queue", "prefill", "decode")]
    assert ends == pytest.approx([0.05, 0.2, 0.8])
    assert spans["queue"].start_time == 1000 * NANO
    assert spans["prefill"].start_time == spans["queue"].end_time


def test_attributes_are_those_of_the_conventions():
    operation = generate(sampling=SamplingOverrides(temperature=0.5, top_k=7, seed=3), num_choices=2)
    spans = trace(observation(model="small", is_stream=True, operation=operation, server=("127.0.0.1", 8642)))
    found = dict(spans["chat small"].attributes)
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "labkit",
        "gen_ai.request.model": "small",
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_k": 7,
        "gen_ai.request.seed": 3,
        "gen_ai.request.max_tokens": 4,
        "gen_ai.request.choice.count": 2,
        "gen_ai.output.type": "text",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "tiny",
        "gen_ai.response.finish_reasons": ("length",),
        "gen_ai.response.time_to_first_chunk": pytest.approx(0.2),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 6,
        "labkit.cache.source": "host",
        "labkit.stop_causes": ("max_tokens",),
        "labkit.batch.mean": 1.5,
        "server.address": "127.0.0.1",
        "server.port": 8642,
    }
    http = spans["POST /v1/chat/completions"].attributes
    assert http["http.route"] == "/v1/chat/completions"
    assert http["http.response.status_code"] == 200
    assert http["labkit.request.id"] == "req-1"


@pytest.mark.parametrize(
    ("error", "status", "is_error"),
    [
        (None, 200, False),
        (InvalidRequestError("no"), 400, False),
        (WorkerDiedError("died"), 502, True),
        (WorkerDiedError("died in mid-stream"), 200, True),
        (BugError(), 500, True),
    ],
)
def test_a_span_fails_when_the_server_did(error, status, is_error):
    spans = trace(observation(error=error, status=status))
    for name in ("POST /v1/chat/completions", "chat tiny"):
        assert (spans[name].status.status_code is StatusCode.ERROR) == is_error
        assert spans[name].attributes.get("error.type") == (type(error).__name__ if error else None)


def test_nothing_that_was_said_is_in_a_span_unless_it_is_asked_for():
    deltas = [Delta("chatcmpl-1", content="CANA"), Delta("chatcmpl-1", content="RY", finish_reason="stop")]
    one = observation(operation=generate(text="CANARY", stop=("CANARY",)))
    spans = trace(one)
    one.see(deltas)
    assert one.kept is None
    assert len(spans) == 5
    assert "CANARY" not in "".join(span.to_json() for span in spans.values())


def test_what_was_said_is_in_the_conventions_form_where_it_is_asked_for(exported):
    one = observation()

    call = ToolCallDelta(0, "call_1", "f", '{"x":')
    deltas = [
        Delta("chatcmpl-1", reasoning="hm"),
        Delta("chatcmpl-1", content="yes", tool_calls=(call,)),
        Delta("chatcmpl-1", tool_calls=(ToolCallDelta(0, arguments=" 1}"),), finish_reason="tool_calls"),
    ]
    own_name = {"tiny": "tiny"}.get
    with open_tracing(own_name, {CAPTURE: "true"}, processor=SimpleSpanProcessor(exported)) as tracing:
        tracing.started(one)
        one.see(deltas)
        tracing.ended(one)
    attributes = {span.name: span for span in exported.get_finished_spans()}["chat tiny"].attributes
    assert json.loads(attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "CANARY"}]}
    ]
    assert json.loads(attributes["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "text", "content": "yes"},
                {"type": "tool_call", "id": "call_1", "name": "f", "arguments": {"x": 1}},
            ],
            "finish_reason": "tool_call",
        }
    ]


def test_a_prompt_without_a_template_is_said_by_a_user():
    spans = trace(observation(operation=Complete(request_id="c", prompt="Once")), **{CAPTURE: "SPAN_ONLY"})
    (message,) = json.loads(spans["text_completion tiny"].attributes["gen_ai.input.messages"])
    assert message == {"role": "user", "parts": [{"type": "text", "content": "Once"}]}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("", False), ("false", False), ("EVENT_ONLY", False), ("true", True), ("span_and_event", True)],
)
def test_content_is_captured_by_the_variable_of_the_conventions(value, wanted):
    assert wants_content({CAPTURE: value}) == wanted
    assert not wants_content({})


def test_polls_and_requests_without_a_model_make_few_spans():
    assert trace(observation(route="/health", operation=None)) == {}
    assert set(trace(observation(method="GET", route="/v1/models", operation=None))) == {"GET /v1/models"}


def test_a_collector_that_is_down_costs_no_request_and_no_end(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.05")  # seconds in which it tries, and tries again
    with open_tracing(lambda name: name, {}) as tracing:
        for _ in range(500):  # more spans than the exporter's queue holds
            tracing.ended(observation())
