"""The routes of `labkit ps` and `stop`, and names that are adapters or aliases, over HTTP."""

from dataclasses import replace

import httpx2
import pytest

from fakes.endpoints import body, fake_plan
from labkit.errors import ConnectionFailedError, ModelNotFoundError, RefusedError
from labkit.serving import running_endpoint
from labkit.serving.control_client import ask_models, ask_unload
from labkit.serving.instances import instance_of
from labkit.serving.model_rows import TOKEN_HEADER

URL = "/v1/chat/completions"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("endpoint")
    adapter = folder / "style.gguf"
    adapter.write_bytes(b"GGUF")
    plan = fake_plan(folder, "echo", "other", aliases={"gpt": "echo", "poet": "style"})
    echo, other = plan.models
    models = (replace(echo, adapters=(("style", adapter),)), replace(other, stays=False))
    with running_endpoint(replace(plan, models=models)) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def http(endpoint):
    with httpx2.Client(base_url=endpoint.url, timeout=30, trust_env=False) as http:
        yield http


@pytest.fixture
def instance(endpoint):
    return instance_of(endpoint.url, (), endpoint.control_token)


def test_every_model_and_adapter_is_listed_loaded_or_not(http):
    listed = {model["id"] for model in http.get("/v1/models").json()["data"]}
    assert listed == {"echo", "style", "other"}
    assert http.get("/v1/models/gpt").json()["id"] == "echo"


@pytest.mark.parametrize(("name", "adapters"), [("echo", []), ("gpt", []), ("style", ["style"]), ("poet", ["style"])])
def test_an_adapter_is_applied_when_its_name_is_the_model(http, name, adapters):
    said = http.post(URL, json=body("adapters", name)).json()["choices"][0]["message"]["content"]
    assert said == " ".join(f"{adapter}=1.0" for adapter in adapters)


def test_a_scale_that_is_given_is_kept(http):
    asked = body("adapters", "style", lora=[{"name": "style", "scale": 0.5}])
    assert http.post(URL, json=asked).json()["choices"][0]["message"]["content"] == "style=0.5"


def test_an_adapter_that_is_not_there_is_not_found(http):
    answer = http.post(URL, json=body("x", lora=[{"name": "styl"}]))
    assert answer.status_code == 404
    assert "did you mean style" in answer.json()["error"]["message"]


def test_models_are_shown_with_their_state_and_unloaded_by_name(http, instance):
    rows = {row.name: row for row in ask_models(instance)}
    assert (rows["echo"].state, rows["echo"].stays, rows["echo"].adapters) == ("ready", True, ("style",))
    assert (rows["other"].state, rows["other"].memory_bytes) == ("unloaded", None)
    assert http.post(URL, json=body("x", "other")).status_code == 200
    (row,) = (row for row in ask_models(instance) if row.name == "other")
    assert row.memory_bytes > 0
    assert 290 < row.expires_in_seconds <= 300
    (row,) = (row for row in ask_unload(instance, "other") if row.name == "other")
    assert (row.state, row.memory_bytes) == ("unloaded", None)
    with pytest.raises(ModelNotFoundError, match="othr"):
        ask_unload(instance, "othr")


@pytest.mark.parametrize("token", [None, "", "wrong", "ключ"])
def test_control_needs_the_token_of_the_record(http, token):
    headers = {} if token is None else {TOKEN_HEADER: token.encode()}
    answer = http.get("/labkit/control/models", headers=headers)
    assert answer.status_code == 403
    assert "echo" not in answer.text


def test_the_token_opens_nothing_else_and_unknown_controls_are_not_found(http, instance):
    headers = {TOKEN_HEADER: instance.control_token}
    assert http.post("/labkit/control/format-disk", headers=headers).status_code == 404
    assert http.get("/labkit/control/unload?model=echo", headers=headers).status_code == 404
    assert http.post("/labkit/control/unload", headers=headers).status_code == 400


def test_an_endpoint_that_does_not_answer_or_knows_another_token_says_so(instance):
    with pytest.raises(ConnectionFailedError):
        ask_models(replace(instance, url="http://127.0.0.1:9"))
    with pytest.raises(RefusedError):
        ask_models(replace(instance, control_token="old"))


def test_a_client_is_told_when_to_ask_for_a_model_again(tmp_path):
    plan = fake_plan(tmp_path, "refuse")
    plan = replace(plan, models=(replace(plan.models[0], stays=False),))
    with running_endpoint(plan) as endpoint, httpx2.Client(base_url=endpoint.url, timeout=30, trust_env=False) as http:
        first, second = (http.post(URL, json=body("x", "refuse")) for _ in range(2))
    assert (first.status_code, second.status_code) == (503, 503)
    assert second.headers["retry-after"] == "1"
    assert "no tensors here" in second.json()["error"]["message"]
