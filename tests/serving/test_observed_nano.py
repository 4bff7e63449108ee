"""What an endpoint with the model that comes along tells of its requests, and what it keeps to itself."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from fakes.endpoints import wait_for
from fakes.trace_collector import trace_collector
from labkit.serving import Observing, plan_endpoint, running_endpoint
from labkit.settings import load_settings

CANARY = "zanzibar-canary"
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def collector():
    with trace_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def http(folder, collector):
    plan = plan_endpoint(["nano"], load_settings({"LABKIT_HOME": str(folder)}), port=0)
    observing = Observing(log_format="json", traces=True)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        with (
            running_endpoint(replace(plan, observing=observing)) as endpoint,
            httpx2.Client(base_url=endpoint.url, timeout=30, trust_env=False) as http,
        ):
            yield http


def ask(http, text, **fields):
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]
    body = {"model": "nano", "messages": messages, "max_tokens": 12, "temperature": 0, **fields}
    response = http.post(CHAT, json=body)
    assert response.status_code == 200
    return response


def explained(http, response):
    return http.get(f"/labkit/requests/{response.headers['x-request-id']}").json()


def test_ready_asks_for_a_token_where_none_came_yet(http):
    found = http.get("/ready").json()["models"]["nano"]
    assert (found["ready"], found["reason"]) == (True, "a probe was answered")
    ask(http, "One more.")
    assert http.get("/ready").json()["models"]["nano"]["reason"] == "a token was decoded lately"


def test_tokens_are_counted_message_by_message_and_add_up_to_the_prompt(http):
    found = explained(http, ask(http, "What is labkit?"))
    roles = [message["role"] for message in found["messages"]]
    assert roles == ["system", "user", "template"]
    assert sum(message["tokens"] for message in found["messages"]) == found["tokens"]["prompt_tokens"]


def test_a_prompt_that_was_asked_before_comes_from_a_cache_that_is_named(http):
    text = "A question that is asked twice, and long enough to be worth keeping. " * 4
    first, second = explained(http, ask(http, text)), explained(http, ask(http, text))
    assert first["tokens"]["cached_tokens"] < 50
    assert second["tokens"]["cached_tokens"] > 50
    assert second["tokens"]["cached_from"] in ("device", "host")


def test_requests_of_a_burst_know_each_other(http):
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda n: ask(http, f"Number {n}?", max_tokens=100, ignore_eos=True), range(4)))
    ids = {answer.json()["id"] for answer in answers}
    company = [explained(http, answer)["choices"][0] for answer in answers]
    assert any(choice["most_companions"] > 0 for choice in company)
    assert all(set(choice["companions"]) <= ids for choice in company)
    assert all(choice["num_forwards"] > 0 for choice in company)


def test_the_end_and_what_was_used_are_told(http):
    found = explained(http, ask(http, "What is labkit?", top_p=0.9, stop=["zzz"]))
    assert found["choices"][0]["stop_cause"] in ("max_tokens", "end_of_generation")
    used, defaulted = found["parameters"]["used"], found["parameters"]["defaulted"]
    assert (used["top_p"], used["temperature"], used["stop"]) == (0.9, 0, ["zzz"])
    assert "top_k" in defaulted
    assert "top_p" not in defaulted
    constrained = explained(http, ask(http, "An object, please.", response_format={"type": "json_object"}))
    assert constrained["choices"][0]["constraint"] == "json_object"


def test_histograms_count_the_requests_and_their_tokens(http):
    def value(name):
        families = parse(http.get("/metrics").text)
        return sum(s.value for f in families for s in f.samples if s.name == name and s.labels["model_name"] == "nano")

    names = ("vllm:request_generation_tokens_count", "vllm:generation_tokens_total", "vllm:prompt_tokens_total")
    before = [value(name) for name in names]
    usages = [ask(http, "Count me.").json()["usage"] for _ in range(3)]
    after = [value(name) for name in names]
    expected = [3, sum(u["completion_tokens"] for u in usages), sum(u["prompt_tokens"] for u in usages)]
    assert [now - old for now, old in zip(after, before, strict=True)] == expected


def test_a_trace_goes_on_from_the_clients_own(http, collector):
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    http.headers["traceparent"] = f"00-{trace_id}-b7ad6b7169203331-01"
    try:
        answer = ask(http, "Trace me.", stream=False).json()
    finally:
        del http.headers["traceparent"]

    def ours():
        return {span.name: span for span in collector.spans() if span.trace_id.hex() == trace_id}

    wait_for(lambda: len(ours()) == 5)
    assert set(ours()) == {f"POST {CHAT}", "chat nano", "queue", "prefill", "decode"}
    attributes = {item.key: item.value for item in ours()["chat nano"].attributes}
    assert attributes["gen_ai.response.id"].string_value == answer["id"]
    assert attributes["gen_ai.usage.output_tokens"].int_value == answer["usage"]["completion_tokens"]


def test_what_is_said_stays_between_client_and_model(http, folder, collector):
    answer = ask(http, CANARY, stop=[CANARY], user=CANARY)
    http.post(CHAT, json={"model": "nano", "messages": CANARY})
    http.post(CHAT, json={"model": "nano", "messages": [{"role": "user", "content": CANARY}], "temperature": "x"})
    http.get("/v1/models", params={"key": CANARY})
    http.post("/v1/completions", json={"model": "nano", "prompt": CANARY, "max_tokens": 2})
    http.post(
        CHAT,
        json={"model": "nano", "messages": [{"role": "user", "content": CANARY}]},
        headers={"authorization": CANARY},
    )
    wait_for(lambda: any(b"text_completion" in body for body in collector.bodies))
    found = explained(http, answer)
    assert found["prompt"] is None
    assert found["parameters"]["given"].pop("stop") == [CANARY]  # a parameter, and its sender's own
    assert found["parameters"]["used"].pop("stop") == [CANARY]
    told = [json.dumps(found), http.get("/metrics").text, json.dumps(http.get("/labkit/requests").json())]
    told += [path.read_text(errors="replace") for path in (folder / "logs").iterdir()]
    told += [body.decode("latin-1") for body in collector.bodies]
    assert [text for text in told if CANARY in text] == []


def test_every_line_of_the_log_is_an_object(http, folder):
    def answered():
        lines = [json.loads(line) for line in (folder / "logs" / "server.log").read_text().splitlines()]
        told = [line for line in lines if line["logger"] == "labkit.requests"]
        return [line for line in told if (line["route"], line["status"]) == (CHAT, 200)]

    before = len(answered())
    ask(http, "a line")
    wait_for(lambda: len(answered()) > before)  # it is written when the answer is over
    last = answered()[-1]
    assert last["model"] == "nano"
    assert last["prompt_tokens"] > 0
    assert last["first_token_seconds"] > 0
