import asyncio
import os

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from fakes.front_backend import FrontBackend
from fakes.observations import generate, observation
from labkit.api.backend import ModelHealth
from labkit.api.errors import BugError
from labkit.api.observers import Metrics
from labkit.api.observers.model_names import ModelNames
from labkit.engine.types import Timings, Usage
from labkit.errors import ForwardError, ModelNotFoundError, QueueFullError, WorkerDiedError
from labkit.worker.messages import Embed, Tokenize


class Scraped(dict):
    """Values by name and labels, from the text that a scraper reads."""

    def __init__(self, metrics, accept=""):
        body, self.content_type = asyncio.run(metrics.render(accept))
        parser = parse_openmetrics if "openmetrics" in self.content_type else parse
        for family in parser(body.decode()):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self, f"{key} twice"
                self[key] = sample.value

    def value(self, name, **labels):
        return self[name, frozenset(labels.items())]

    def label_values(self, name):
        return {value for _, labels in self for key, value in labels if key == name}


@pytest.fixture
def backend():
    backend = FrontBackend({"tiny": "ready", "asleep": "unloaded"}, tiny={"aliases": ("small",)})
    backend.states["tiny"] = ModelHealth("ready", num_running=2, num_waiting=3, num_restarts=1)
    backend.engines["tiny"] = {
        "num_cells": 100, "running_cells": 30, "cached_cells": 20, "num_threads": 4,
        "counters": {"num_steps": 10, "num_sequences": 25, "preemptions": 6},
    }  # fmt: skip
    backend.pids["tiny"] = os.getpid()
    backend.loads["asleep"] = (3, 2)
    return backend


@pytest.fixture
def metrics(backend):
    return Metrics(backend)


def end(metrics, *observations):
    for one in observations:
        metrics.started(one)
        metrics.ended(one)
    return Scraped(metrics)


def test_a_request_is_in_every_histogram_under_vllms_names(metrics):
    found = end(metrics, observation(), observation(model="small"))
    for name in (
        "time_to_first_token_seconds", "e2e_request_latency_seconds", "request_queue_time_seconds",
        "request_prefill_time_seconds", "request_decode_time_seconds", "request_inference_time_seconds",
        "request_time_per_output_token_seconds", "request_prompt_tokens", "request_generation_tokens",
        "request_params_n", "request_params_max_tokens",
    ):  # fmt: skip
        assert found.value(f"vllm:{name}_count", model_name="tiny") == 2, name
    for name in ("inter_token_latency_seconds", "time_per_output_token_seconds"):
        assert found.value(f"vllm:{name}_count", model_name="tiny") == 6
        assert found.value(f"vllm:{name}_bucket", model_name="tiny", le="0.1") == 2
    assert found.value("vllm:time_to_first_token_seconds_sum", model_name="tiny") == pytest.approx(0.4)
    assert found.value("vllm:request_time_per_output_token_seconds_sum", model_name="tiny") == pytest.approx(0.4)
    assert found.value("vllm:prompt_tokens_total", model_name="tiny") == 20
    assert found.value("vllm:prefix_cache_hits_total", model_name="tiny") == 12
    assert found.value("vllm:generation_tokens_total", model_name="tiny") == 8
    assert found.value("vllm:request_success_total", model_name="tiny", finished_reason="length") == 2
    assert found.value("vllm:request_success_total", model_name="tiny", finished_reason="stop") == 0


def test_gauges_are_those_of_the_last_pulse(metrics):
    found = end(metrics)
    assert found.value("vllm:num_requests_running", model_name="tiny") == 2
    assert found.value("vllm:num_requests_waiting", model_name="tiny") == 3
    assert found.value("vllm:kv_cache_usage_perc", model_name="tiny") == 0.5
    assert found.value("vllm:num_preemptions_total", model_name="tiny") == 6
    assert found.value("llamacpp:requests_processing", model="tiny") == 2
    assert found.value("llamacpp:requests_deferred", model="tiny") == 3
    assert found.value("llamacpp:n_decode_total", model="tiny") == 10
    assert found.value("llamacpp:n_busy_slots_per_decode", model="tiny") == 2.5
    assert found.value("labkit_engine_num_threads", model="tiny") == 4
    assert found.value("labkit_engine_preemptions_total", model="tiny") == 6
    assert found.value("labkit_worker_restarts_total", model="tiny") == 1
    assert found.value("labkit_process_resident_memory_bytes", process="worker", model="tiny") > 1e6


def test_llama_servers_counters_leave_cached_tokens_out_of_the_prompt(metrics):
    found = end(metrics, observation(), observation(usage=Usage(100, 50, drafted_tokens=8, accepted_tokens=5)))
    assert found.value("llamacpp:prompt_tokens_total", model="tiny") == 104
    assert found.value("llamacpp:prompt_tokens_cached_total", model="tiny") == 6
    assert found.value("llamacpp:prompt_seconds_total", model="tiny") == pytest.approx(0.3)
    assert found.value("llamacpp:tokens_predicted_total", model="tiny") == 54
    assert found.value("llamacpp:tokens_predicted_seconds_total", model="tiny") == pytest.approx(1.2)
    assert found.value("llamacpp:spec_decode_num_accepted_tokens_total", model="tiny") == 5
    assert found.value("llamacpp:n_tokens_max", model="tiny") == 150
    assert found.value("llamacpp:predicted_tokens_seconds", model="tiny") == pytest.approx(45)
    assert Scraped(metrics).value("llamacpp:predicted_tokens_seconds", model="tiny") == 0  # nothing ended since


def test_what_clients_type_makes_no_series(metrics):
    strangers = [
        observation(
            model=f"no-such-{number}", method=f"M{number}", route="(none)", status=404,
            error=ModelNotFoundError(f"no-such-{number}"),
        )
        for number in range(50)
    ]  # fmt: skip
    found = end(metrics, *strangers)
    names = found.label_values("model_name") | found.label_values("model") | found.label_values("gen_ai_request_model")
    assert names <= {"tiny", "asleep", ""}
    assert found.label_values("method") == {"other"}
    assert found.value("labkit_refused_total", reason="ModelNotFound") == 50
    assert len(end(metrics, *strangers)) == len(found)


def test_bugs_are_counted_apart_from_refusals(metrics):
    found = end(
        metrics,
        observation(status=500, error=BugError()),
        observation(status=200, error=ForwardError("in mid-stream")),
        observation(status=429, error=QueueFullError("full", retry_after_seconds=1)),
        observation(status=502, error=WorkerDiedError("died")),
    )
    assert found.value("labkit_bugs_total") == 2
    assert found.value("labkit_refused_total", reason="QueueFull") == 1
    assert found.value("labkit_refused_total", reason="WorkerDied") == 1
    assert found.value("vllm:request_success_total", model_name="tiny", finished_reason="error") == 4
    assert found.value("labkit_http_requests_total", method="POST", route="/v1/chat/completions", status="429") == 1


def test_a_client_that_left_is_an_abort(metrics):
    left = observation(client_left=True, usage=None, timings=None, finish_reasons=(), reports=(), status=499)
    found = end(metrics, left)
    assert found.value("vllm:request_success_total", model_name="tiny", finished_reason="abort") == 1
    assert found.value("vllm:generation_tokens_total", model_name="tiny") == 4  # they were computed all the same
    assert found.value("labkit_clients_left_total") == 1


def test_every_choice_has_a_finish_reason(metrics):
    found = end(
        metrics, observation(finish_reasons=("stop", "length", "tool_calls"), operation=generate(num_choices=3))
    )
    assert found.value("vllm:request_success_total", model_name="tiny", finished_reason="stop") == 2
    assert found.value("vllm:request_success_total", model_name="tiny", finished_reason="length") == 1
    assert found.value("vllm:request_params_n_sum", model_name="tiny") == 3


def test_series_of_loaded_models_begin_at_zero_and_sleeping_ones_have_none(metrics):
    found = end(metrics)
    assert found.value("vllm:prompt_tokens_total", model_name="tiny") == 0
    assert found.value("vllm:time_to_first_token_seconds_count", model_name="tiny") == 0
    assert found.label_values("model_name") == {"tiny"}
    assert found.value("labkit_model_state", model="asleep", state="unloaded") == 1
    assert found.value("labkit_model_state", model="asleep", state="ready") == 0
    assert found.value("labkit_model_loads_total", model="asleep") == 3
    assert found.value("labkit_model_evictions_total", model="asleep") == 2


def test_vectors_and_questions_are_no_requests_for_text(metrics):
    embed = observation(operation=Embed("embd-1", ("text",)), usage=Usage(5, 0), timings=Timings(0.0, 0.1, 0.0))
    found = end(metrics, embed, observation(operation=Tokenize("tok-1", "text")))
    assert found.value("vllm:e2e_request_latency_seconds_count", model_name="tiny") == 0
    labels = {"gen_ai_provider_name": "labkit", "gen_ai_request_model": "tiny", "error_type": ""}
    name = "gen_ai_server_request_duration_seconds_count"
    assert found.value(name, gen_ai_operation_name="embeddings", **labels) == 1
    assert "" not in found.label_values("gen_ai_operation_name")


def test_openmetrics_where_it_is_asked_for(metrics):
    metrics.ended(observation())
    for accept in (
        "application/openmetrics-text; version=1.0.0,text/plain;q=0.5",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;q=0.4",
    ):
        found = Scraped(metrics, accept)
        assert found.content_type.startswith("application/openmetrics-text; version=1.0.0")
        assert found.value("vllm:prompt_tokens_total", model_name="tiny") == 10
    assert Scraped(metrics, "text/plain;version=1.0.0").value("vllm:prompt_tokens_total", model_name="tiny") == 10
    assert Scraped(metrics, "text/html").content_type.startswith("text/plain; version=0.0.4")


def test_a_worker_that_ended_just_now_does_not_spoil_a_scrape(backend, metrics):
    backend.pids["tiny"] = 2**22 + 1
    found = Scraped(metrics)
    assert ("labkit_process_resident_memory_bytes", frozenset({("process", "worker"), ("model", "tiny")})) not in found
    assert found.value("labkit_process_resident_memory_bytes", process="front", model="") > 1e6


def test_an_unknown_name_asks_the_backend_once_a_second_at_most(backend):
    names = ModelNames(backend)
    assert names.of("small") == "tiny"
    assert [names.of(f"other-{number}") for number in range(100)] == [None] * 100
    assert backend.model_questions == 1
