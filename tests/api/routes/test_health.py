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
