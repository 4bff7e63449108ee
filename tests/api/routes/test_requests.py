import pytest

from fakes.endpoints import body, fake_endpoint, wait_for
from labkit.serving import Observing


def test_an_answer_is_explained_by_either_of_its_ids(http):
    response = http.post("/v1/chat/completions", json=body("count 3", user="somebody", temperature=0))
    by_header = http.get(f"/labkit/requests/{response.headers['x-request-id']}").json()
    by_body = http.get(f"/labkit/requests/{response.json()['id']}").json()
    assert by_header["answer_id"] == response.json()["id"] == by_body["answer_id"]
    assert by_header["state"] == "finished"
    assert by_header["parameters"]["ignored"] == ["user"]
    assert by_header["parameters"]["given"] == {"temperature": 0}
    assert by_header["tokens"]["cached_tokens"] == 4
    assert by_header["worker"]["state"] == "ready"
    assert "--explain-prompts" in by_header["prompt_hint"]


def test_the_newest_comes_first_and_last_is_its_name(http):
    response = http.post("/v1/chat/completions", json=body("count 2"))
    listed = http.get("/labkit/requests", params={"limit": 2}).json()["data"]
    assert listed[0]["answer_id"] == response.json()["id"]
    assert len(listed) == 2
    assert http.get("/labkit/requests/last").json()["answer_id"] == response.json()["id"]


def test_a_refused_request_says_which_field(http):
    response = http.post("/v1/chat/completions", json=body("x", top_p=7))
    found = http.get(f"/labkit/requests/{response.headers['x-request-id']}").json()
    assert found["error"]["param"] == "top_p"
    assert found["status"] == 400


def test_a_running_request_is_there_and_its_end_too(http):
    with http.stream("POST", "/v1/chat/completions", json=body("slow 1000", stream=True)) as response:
        lines = response.iter_lines()
        assert next(lines)
        path = f"/labkit/requests/{response.headers['x-request-id']}"
        assert http.get(path).json()["state"] == "running"
    wait_for(lambda: http.get(path).json()["state"] == "client left")


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1001", "9" * 30, ""])
def test_a_limit_that_is_none_is_refused(http, limit):
    assert http.get("/labkit/requests", params={"limit": limit}).json()["error"]["param"] == "limit"


def test_an_unknown_id_is_no_route(http):
    response = http.get("/labkit/requests/req-unknown")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "request_not_found")


def test_prompts_are_asked_for_only_where_the_endpoint_keeps_them(tmp_path, http):
    assert http.post("/v1/chat/completions", json=body("tell")).json()["choices"][0]["message"]["content"] == "tell"
    with fake_endpoint(tmp_path, observing=Observing(explain_prompts=True)) as (_, keeping):
        response = keeping.post("/v1/chat/completions", json=body("CANARY of a prompt"))
        found = keeping.get(f"/labkit/requests/{response.json()['id']}").json()
        assert found["prompt"] == "CANARY of a prompt"
        assert found["choices"][0]["stop_cause"] == "end_of_generation"
