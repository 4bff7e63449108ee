from fakes.endpoints import wait_for


def test_health_tells_each_workers_state(http):
    response = http.get("/health")
    assert response.status_code == 200
    assert response.json()["status"] == "ok"
    model = response.json()["models"]["echo"]
    assert model["state"] == "ready"
    wait_for(lambda: http.get("/health").json()["models"]["echo"]["last_step_age_seconds"] == 0.0)


def test_stats_hold_what_the_engine_said_of_itself(http):
    wait_for(lambda: http.get("/labkit/stats").json()["models"]["echo"]["engine"])
    stats = http.get("/labkit/stats").json()["models"]["echo"]
    assert stats["engine"] == {"cached_cells": 7, "counters": {"device_hits": 3}}
    assert stats["health"]["state"] == "ready"


def test_ready_says_which_models_would_give_a_token(http):
    response = http.get("/ready")
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert response.json()["models"]["echo"]["ready"] is True
    assert http.get("/ready", params={"model": "echo"}).status_code == 200
    assert http.get("/ready", params={"model": "ecko"}).json()["error"]["code"] == "model_not_found"


def test_questions_about_health_answer_head_too(http):
    for path in ("/health", "/ready", "/ping", "/version", "/metrics"):
        response = http.head(path)
        assert (response.status_code, response.content) == (200, b""), path
        assert http.get(path).status_code == 200
    assert http.get("/version").json()["version"]
