import json

from fakes.observations import REPORT, generate, observation
from labkit.api.observers.explanation import explain
from labkit.engine.types import SamplingParams
from labkit.errors import InvalidRequestError
from labkit.worker.messages import Embed


def test_it_tells_what_was_used_and_what_the_model_s_defaults_filled_in():
    parameters = explain(observation())["parameters"]
    assert parameters["given"] == {"temperature": 0.5, "max_tokens": 4}
    assert parameters["used"]["temperature"] == 0.5
    assert parameters["used"]["top_k"] == 20
    assert parameters["used"]["max_tokens"] == 4
    assert "top_k" in parameters["defaulted"]
    assert "temperature" not in parameters["defaulted"]
    assert parameters["ignored"] == ["user"]


def test_it_tells_tokens_times_cache_company_and_the_end():
    found = explain(observation())
    assert found["state"] == "finished"
    assert found["tokens"]["cached_tokens"] == 6
    assert found["tokens"]["cached_from"] == "host"
    assert found["messages"] == [
        {"role": "system", "tokens": 4},
        {"role": "user", "tokens": 5},
        {"role": "template", "tokens": 1},
    ]
    assert found["times"]["total_seconds"] == 1.0
    assert round(found["times"]["first_token_seconds"], 6) == 0.2
    assert found["times"]["queue_seconds"] == 0.05
    assert found["times"]["longest_gap_seconds"] == 0.3
    (choice,) = found["choices"]
    assert choice["stop_cause"] == "max_tokens"
    assert choice["companions"] == ["chatcmpl-2", "chatcmpl-3"]
    assert choice["mean_batch"] == 1.5
    json.dumps(found)


def test_what_a_client_wrote_is_not_in_it():
    given = {
        "tools": [{"type": "function", "function": {"name": "f", "description": "CANARY"}}],
        "response_format": {"type": "json_schema", "json_schema": {"description": "CANARY"}},
        "grammar": "x" * 500,
        "stop": ["a", "b"],
        "system": "CANARY",
        "suffix": "CANARY",
        "logit_bias": {"1": 2.0},
    }
    found = explain(observation(given=given, operation=generate(text="CANARY")))
    assert "CANARY" not in json.dumps(found)
    assert found["prompt"] is None
    assert found["parameters"]["given"]["tools"] == "(1 values)"
    assert found["parameters"]["given"]["response_format"] == "(json_schema)"
    assert len(found["parameters"]["given"]["grammar"]) < 250
    assert found["parameters"]["given"]["stop"] == ["a", "b"]


def test_the_prompt_is_there_where_the_worker_told_it():
    import msgspec

    report = msgspec.structs.replace(REPORT, prompt="<|user|>CANARY")
    assert explain(observation(reports=(report,)))["prompt"] == "<|user|>CANARY"


def test_a_request_that_failed_tells_why_and_which_field():
    error = InvalidRequestError("top_p is 3", param="top_p", hint="at most 1")
    found = explain(observation(error=error, status=400, operation=None, reports=(), usage=None, finish_reasons=()))
    assert found["state"] == "failed"
    assert found["error"] == {
        "type": "InvalidRequest", "status": 400, "param": "top_p", "message": "top_p is 3 (at most 1)",
    }  # fmt: skip
    assert found["choices"] == []


def test_a_running_request_and_one_without_reports_are_told_as_far_as_is_known():
    running = explain(observation(ended=None, reports=(), usage=None, timings=None, finish_reasons=(), status=None))
    assert running["state"] == "running"
    assert running["times"]["total_seconds"] is None
    without = explain(observation(reports=()))
    assert without["choices"] == [{"finish_reason": "length"}]
    assert without["parameters"]["defaulted"] == []
    assert without["parameters"]["used"]["temperature"] == 0.5


def test_vectors_have_no_choices():
    found = explain(observation(operation=Embed("embd-1", ("CANARY", "b")), reports=(), finish_reasons=()))
    assert found["operation"] == "embeddings"
    assert found["parameters"]["used"] == {"inputs": 2, "dimensions": None}


def test_every_sampling_parameter_is_told():
    used = explain(observation())["parameters"]["used"]
    expected = {name for name, value in vars_of(REPORT.sampling).items() if value is not None}
    assert expected <= set(used)


def vars_of(sampling: SamplingParams):
    from dataclasses import asdict

    return asdict(sampling)
