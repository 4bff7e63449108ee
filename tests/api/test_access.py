"""Keys, budgets and accounting as clients meet them."""

import re
import time

import pytest

from fakes.endpoints import body, fake_endpoint, wait_for
from labkit.access.key_file import KeyFile
from labkit.access.keys import Budget, draw_key
from labkit.access.meter import Standing
from labkit.access.policy import AccessPolicy
from labkit.access.usage import sum_usage
from labkit.api.access import DEFAULT_ANSWER_TOKENS, PUBLIC_PATHS, _duration, budget_headers

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """An endpoint that needs keys, and the file they are in."""
    folder = tmp_path_factory.mktemp("keyed")
    access = AccessPolicy(
        folder=folder / "access", require_key=True, origins=("https://app.example",), host_names=("Box.local",)
    )
    with (
        pytest.MonkeyPatch.context() as patch,
        fake_endpoint(folder, "echo", "other", access=access) as (
            endpoint,
            http,
        ),
    ):
        patch.setattr("labkit.access.failures.DELAY_SECONDS", 0.01)  # wrong keys are sent by many tests here
        yield endpoint, http, KeyFile(access.keys_path), access


@pytest.fixture
def http(keyed):
    return keyed[1]


@pytest.fixture
def make_key(keyed, request):
    """Make a key that is revoked when the test is over: `key, headers = make_key(requests_per_minute=3)`."""
    made = []

    def make(models=(), tenant="", **budget):
        key, text = keyed[2].create(
            f"{request.node.name[:40]} {len(made)}", budget=Budget(**budget), models=models, tenant=tenant
        )
        made.append(key)
        return key, {"authorization": f"Bearer {text}"}

    yield make
    for key in made:
        keyed[2].revoke(key.id)


@pytest.mark.parametrize(
    ("path", "kind"),
    [(CHAT, "openai"), ("/v1/messages", "anthropic"), ("/api/chat", "ollama"), ("/nowhere", "openai")],
)
def test_without_a_key_the_answer_is_401_in_the_words_of_its_api(http, path, kind):
    answer = http.post(path, json=body("x"))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    error = answer.json()["error"]
    if kind == "openai":
        assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")
    elif kind == "anthropic":
        assert error["type"] == "authentication_error"
    else:
        assert "needs an API key" in error


def test_no_route_is_open_but_those_on_the_list(http, make_key):
    document = http.get("/openapi.json", headers=make_key()[1]).json()  # another test holds that it has every route
    routes = {(method.upper(), re.sub("{.*?}", "x", path)) for path, one in document["paths"].items() for method in one}
    assert len(routes) > 20
    for method, path in sorted(routes):
        expected = {200, 503} if path in PUBLIC_PATHS else {401}
        assert http.request(method, path, content=b"{}").status_code in expected, (method, path)
        foreign = {"host": "evil.example"} | make_key()[1]
        assert http.request(method, path, headers=foreign).status_code == 403, (method, path)


def test_the_body_of_a_stranger_is_not_read(http):
    """The content type would be refused, the length too: it does not come to that."""
    assert http.post(CHAT, content=b" " * 5_000_000, headers={"content-type": "text/plain"}).status_code == 401


def test_health_is_everybody_s(http):
    for path in ("/health", "/ready"):
        assert http.get(path).status_code == 200, path
        assert http.get(path, headers={"x-api-key": draw_key()[1]}).status_code == 200
    assert {"/health", "/ready"} <= PUBLIC_PATHS


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_opens_the_door(http, make_key, scheme):
    _, headers = make_key()
    text = headers["authorization"].split()[1]
    assert http.get("/v1/models", headers={"authorization": f"{scheme} {text}"}).status_code == 200
    assert http.get("/v1/models", headers={"x-api-key": text}).status_code == 200
    both = {"authorization": "Bearer other", "x-api-key": text}
    assert http.get("/v1/models", headers=both).status_code == 200
    for wrong in ({"authorization": text}, {"authorization": f"Basic {text}"}, {"cookie": f"key={text}"}):
        assert http.get("/v1/models", headers=wrong).status_code == 401


def test_a_key_in_a_url_opens_nothing(http, make_key):
    _, headers = make_key()
    text = headers["authorization"].split()[1]
    for query in ("?key=" + text, "?api_key=" + text):
        answer = http.get("/v1/models" + query)
        assert answer.status_code == 400
        assert text not in answer.text


def test_keys_are_made_and_revoked_while_it_runs(keyed, http):
    file = keyed[2]
    key, text = file.create("short-lived")
    headers = {"x-api-key": text}
    assert http.post(CHAT, json=body("hi"), headers=headers).status_code == 200
    file.edit(key.id, expires_at=time.time() - 1)
    assert http.get("/v1/models", headers=headers).status_code == 401
    file.edit(key.id, expires_at=None)
    assert http.get("/v1/models", headers=headers).status_code == 200
    file.revoke(key.id)
    assert http.get("/v1/models", headers=headers).status_code == 401


def test_a_budget_stands_in_every_answer(http, make_key):
    _, headers = make_key(requests_per_minute=3, tokens_per_minute=5000)
    answer = http.get("/v1/models", headers=headers)
    assert answer.headers["x-ratelimit-limit-requests"] == "3"
    assert answer.headers["x-ratelimit-remaining-requests"] == "3"  # looking costs nothing
    answer = http.post(CHAT, json=body("a b c", max_tokens=100), headers=headers)
    assert answer.headers["x-ratelimit-remaining-requests"] == "2"
    assert answer.headers["x-ratelimit-reset-requests"].endswith("s")
    assert 4800 < int(answer.headers["x-ratelimit-remaining-tokens"]) <= 4900  # the prompt's estimate, and max_tokens
    after = http.get("/v1/models", headers=headers)
    assert after.headers["x-ratelimit-remaining-tokens"] == str(5000 - 10 - 3)  # what the worker counted
    wrong = http.post(CHAT, json={}, headers=headers)
    assert (wrong.status_code, wrong.headers["x-ratelimit-remaining-requests"]) == (400, "1")
    stream = http.post(CHAT, json=body("a b", stream=True), headers=headers)
    assert stream.headers["x-ratelimit-remaining-requests"] == "0"
    late = http.post(CHAT, json=body("x"), headers=headers)
    assert late.status_code == 429
    assert 50 <= int(late.headers["retry-after"]) <= 60
    assert late.headers["x-ratelimit-remaining-requests"] == "0"
    error = late.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert "3 requests per minute" in error["message"]


def test_a_key_without_a_budget_has_no_such_headers(http, make_key):
    answer = http.post(CHAT, json=body("x"), headers=make_key()[1])
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


def test_tokens_run_out(http, make_key):
    _, headers = make_key(tokens_per_day=20)
    assert http.post(CHAT, json=body("count 30"), headers=headers).status_code == 200
    answer = http.post(CHAT, json=body("x"), headers=headers)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 80_000
    assert http.get("/v1/models", headers=headers).headers["x-ratelimit-remaining-tokens"] == "0"


def test_a_429_is_in_the_words_of_its_api(http, make_key):
    _, headers = make_key(requests_per_day=0)
    assert http.post("/v1/messages", json={}, headers=headers).json()["error"]["type"] == "rate_limit_error"
    assert "budget" in http.post("/api/chat", json={}, headers=headers).json()["error"]


def test_requests_at_once(keyed, http, make_key):
    endpoint = keyed[0]
    _, headers = make_key(concurrent_requests=1)
    with http.stream("POST", CHAT, json=body("slow 500", stream=True), headers=headers) as running:
        assert running.status_code == 200
        late = http.post(CHAT, json=body("x"), headers=headers)
        assert (late.status_code, late.headers["retry-after"]) == (429, "1")
    wait_for(lambda: not endpoint.num_running)
    wait_for(lambda: http.post(CHAT, json=body("x"), headers=headers).status_code == 200)


def test_who_leaves_early_pays_for_what_came(keyed, http, make_key):
    _, headers = make_key(tokens_per_minute=100_000)
    with http.stream("POST", CHAT, json=body("slow 500", stream=True), headers=headers) as running:
        for _ in zip(range(5), running.iter_raw(), strict=False):
            pass
    wait_for(lambda: not keyed[0].num_running)

    def left():
        answer = http.get("/v1/models", headers=headers)
        return int(answer.headers["x-ratelimit-remaining-tokens"])

    wait_for(lambda: left() > 100_000 - DEFAULT_ANSWER_TOKENS)
    assert left() < 100_000 - 10


def test_a_key_may_be_for_some_models(http, make_key):
    _, headers = make_key(models=("oth*",))
    assert http.post(CHAT, json=body("x", model="other"), headers=headers).status_code == 200
    refused = http.post(CHAT, json=body("x", model="echo"), headers=headers)
    assert refused.status_code == 403
    assert "may not use the model 'echo'" in refused.json()["error"]["message"]
    assert http.post("/tokenize", json={"content": "x", "model": "echo"}, headers=headers).status_code == 403
    assert http.post("/api/generate", json={"model": "echo", "keep_alive": 0}, headers=headers).status_code == 403
    assert [card["id"] for card in http.get("/v1/models", headers=headers).json()["data"]] == ["other"]
    assert [card["name"] for card in http.get("/api/tags", headers=headers).json()["models"]] == ["other"]


def test_cells_are_shared_only_within_a_tenant(http, make_key):
    def tenant(headers):
        answer = http.post(CHAT, json=body("tenant"), headers=headers)
        return answer.json()["choices"][0]["message"]["content"]

    first, first_headers = make_key()
    _, second_headers = make_key()
    team = [make_key(tenant="team")[1] for _ in range(2)]
    assert tenant(first_headers) == f"key {first.id}"
    assert tenant(second_headers) != tenant(first_headers)
    assert {tenant(headers) for headers in team} == {"team"}


def test_what_was_used_is_written_down(keyed, http, make_key):
    key, headers = make_key()
    http.post(CHAT, json=body("a b c"), headers=headers)
    http.post(CHAT, json=body("a b", stream=True), headers=headers)
    http.post(CHAT, json=body("error"), headers=headers)
    http.post(CHAT, json=body("x", model="no such"), headers=headers)
    http.post(CHAT, json=body("x"))  # a stranger's does not fill the disk

    def written():
        sums = {one.key_id: one for one in sum_usage(keyed[3].ledger_path, "key")}
        return sums.get(key.id) if key.id in sums and sums[key.id].num_requests == 4 else None

    one = wait_for(written)
    assert (one.what, one.num_failed) == (key.name, 2)
    assert (one.prompt_tokens, one.cached_tokens, one.completion_tokens) == (20, 8, 5)
    assert "" not in {one.key_id for one in sum_usage(keyed[3].ledger_path, "key")}
    assert {one.what for one in sum_usage(keyed[3].ledger_path, "model")} <= {"echo", "other", ""}


def test_ten_wrong_keys_make_the_next_answer_late(http, monkeypatch):
    monkeypatch.setattr("labkit.access.failures.DELAY_SECONDS", 0.5)
    monkeypatch.setattr("labkit.access.failures.FREE_PER_MINUTE", 0)
    started = time.monotonic()
    assert http.get("/v1/models", headers={"x-api-key": draw_key()[1]}).status_code == 401
    assert time.monotonic() - started >= 0.5
    assert http.get("/health").elapsed.total_seconds() < 0.5


def test_a_listed_page_may_call(http, make_key):
    origin = {"origin": "https://app.example", "sec-fetch-site": "cross-site"}
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, x-stainless-os"}
    answer = http.options(CHAT, headers=origin | asked)  # a browser sends no key with it
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert answer.headers["access-control-allow-headers"] == "authorization, x-stainless-os"
    assert "access-control-allow-credentials" not in answer.headers
    answer = http.post(CHAT, json=body("x"), headers=origin | make_key()[1])
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "Origin" in answer.headers["vary"]
    assert http.post(CHAT, json=body("x"), headers=origin).headers["access-control-allow-origin"]  # a 401 to be read
    assert "Origin" in http.get("/health").headers["vary"]


def test_no_other_page_may(http, make_key):
    for origin in ("https://evil.example", "null", "https://app.example.evil"):
        asked = {"origin": origin, "access-control-request-method": "POST"}
        for answer in (http.options(CHAT, headers=asked), http.get("/health", headers={"origin": origin})):
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers


def test_names_that_were_given_may_be_used(http):
    assert http.get("/health", headers={"host": "box.local:80"}).status_code == 200
    assert http.get("/health", headers={"host": "other.local"}).status_code == 403


def test_every_answer_has_its_security_headers(http, make_key):
    for answer in (
        http.get("/health"),
        http.get("/nowhere"),
        http.post(CHAT, json=body("x", stream=True), headers=make_key()[1]),
        http.get("/health", headers={"host": "evil"}),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_on_loopback_a_key_is_not_needed_but_known(tmp_path):
    access = AccessPolicy(folder=tmp_path / "access")
    with fake_endpoint(tmp_path, access=access) as (_, http):
        key, text = KeyFile(access.keys_path).create("ada")
        for headers in ({}, {"authorization": "Bearer not-needed"}, {"x-api-key": text}):
            assert http.post(CHAT, json=body("hi"), headers=headers).status_code == 200
        assert http.post(CHAT, json=body("hi"), headers={"x-api-key": draw_key()[1]}).status_code == 401
    used = {one.key_id: one.num_requests for one in sum_usage(access.ledger_path, "key")}  # whole when it has ended
    assert used == {"": 2, key.id: 1}


def test_a_day_s_budget_survives_a_restart(tmp_path):
    access = AccessPolicy(folder=tmp_path / "access")
    _, text = KeyFile(access.keys_path).create("ada", budget=Budget(requests_per_day=1))
    for expected in (200, 429):
        with fake_endpoint(tmp_path, access=access) as (_, http):
            assert http.post(CHAT, json=body("hi"), headers={"x-api-key": text}).status_code == expected


def test_the_figures_of_a_budget_are_written_as_openai_does():
    assert budget_headers({"tokens": Standing(10, 3, 6.5)}) == {
        "x-ratelimit-limit-tokens": "10",
        "x-ratelimit-remaining-tokens": "3",
        "x-ratelimit-reset-tokens": "6.5s",
    }
    spans = {0.02: "20ms", 1: "1s", 59.9994: "59.999s", 90: "1m30s", 86399.6: "24h0m0s", 3600: "1h0m0s"}
    assert {seconds: _duration(seconds) for seconds in spans} == spans


def test_a_key_does_not_see_another_key_s_stored_responses(http, make_key):
    (_, mine), (_, other) = make_key(tenant="team"), make_key(tenant="team")
    made = http.post("/v1/responses", json={"model": "echo", "input": "secret"}, headers=mine).json()
    path = f"/v1/responses/{made['id']}"
    assert http.get(path, headers=mine).json() == made
    for answer in (
        http.get(path, headers=other),
        http.get(f"{path}/input_items", headers=other),
        http.delete(path, headers=other),
        http.post(f"{path}/cancel", json={}, headers=other),
    ):
        assert answer.status_code == 404
    for body_of_other in (
        {"model": "echo", "input": "x", "previous_response_id": made["id"]},
        {"model": "echo", "input": [{"type": "item_reference", "id": made["output"][0]["id"]}]},
    ):
        answer = http.post("/v1/responses", json=body_of_other, headers=other)
        assert (answer.status_code, "secret" in answer.text) == (400, False)
    assert http.get(path, headers=mine).status_code == 200
    assert http.post(
        "/v1/messages", json=body("x", max_tokens=5), headers={"x-api-key": mine["authorization"][7:]}
    ).is_success
