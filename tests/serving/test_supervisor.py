"""A worker that dies in every way one can: what its requests, the next ones and /health get to see."""

import os
import re
import signal
import threading

import httpx2
import pytest

from fakes.endpoints import body, fake_endpoint, fake_plan, wait_for
from labkit.errors import InvalidModelFileError, ModelLoadError
from labkit.serving import RestartPolicy, running_endpoint

URL = "/v1/chat/completions"
PATIENT = RestartPolicy(first_delay_seconds=0.01, max_crashes=1000)


def events(http, text, model="echo"):
    return http.post(URL, json=body(text, model, stream=True)).content.split(b"\n\n")


def health(http, model="echo"):
    return http.get("/health").json()["models"][model]


def test_a_death_in_mid_stream_is_one_error_event_and_the_next_request_is_answered(start):
    _, http = start()
    *tokens, error, end = events(http, "die 2")
    assert b"".join(re.findall(rb'"content":"(\w+)"', b"".join(tokens))) == b"soso"
    assert end == b""
    assert b"killed by SIGKILL in the middle of this answer; it is being restarted" in error
    assert b'"code":"worker_died"' in error
    assert http.post(URL, json=body("alive again")).json()["choices"][0]["message"]["content"] == "alive again"
    assert health(http)["num_restarts"] == 1


def test_a_death_before_the_first_token_is_a_status(start):
    _, http = start()
    for stream in (False, True):
        response = http.post(URL, json=body("exit 3", stream=stream))
        assert response.status_code == 502
        assert "left with exit code 3" in response.json()["error"]["message"]
        assert http.post(URL, json=body("x")).status_code == 200


def test_every_running_request_gets_exactly_one_error(start):
    endpoint, http = start(restart=PATIENT)
    answers: list[list[bytes]] = []
    threads = [threading.Thread(target=lambda: answers.append(events(http, "slow 5000"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_for(lambda: endpoint.num_running == 6)
    os.kill(endpoint.worker_pids()["echo"], signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert [sum(b'"error"' in event for event in answer) for answer in answers] == [1] * 6
    assert not any(b"[DONE]" in event for answer in answers for event in answer)
    assert http.post(URL, json=body("x")).status_code == 200


def test_a_frozen_worker_is_noticed_and_replaced(start, monkeypatch):
    monkeypatch.setattr("labkit.serving.supervisor.SILENCE_SECONDS", 1.0)
    _, http = start(restart=PATIENT)
    response = http.post(URL, json=body("stop-self"))
    assert response.status_code == 502
    assert "no sign of life" in response.json()["error"]["message"]
    assert http.post(URL, json=body("x")).status_code == 200


def test_a_stuck_worker_is_replaced_and_the_fresh_one_is_not_blamed(start):
    _, http = start(restart=PATIENT)
    response = http.post(URL, json=body("stuck"))
    assert response.status_code == 502
    assert "had computed nothing for 12 s and was killed" in response.json()["error"]["message"]
    assert http.post(URL, json=body("slow 20")).status_code == 200
    assert health(http)["num_restarts"] == 1


def test_a_silent_but_pulsing_worker_is_left_alone(start, monkeypatch):
    monkeypatch.setattr("labkit.serving.supervisor.SILENCE_SECONDS", 2.0)
    endpoint, http = start()
    before = endpoint.worker_pids()
    with pytest.raises(httpx2.ReadTimeout):
        http.post(URL, json=body("silent"), timeout=4)
    assert endpoint.worker_pids() == before


def test_a_crash_loop_opens_the_breaker_which_says_so(start):
    _, http = start(restart=RestartPolicy(first_delay_seconds=0.01, max_crashes=2))
    http.post(URL, json=body("die 0"))
    http.post(URL, json=body("die 0"))
    response = http.post(URL, json=body("x"))
    assert response.status_code == 503
    assert "crashed 2 times" in response.json()["error"]["message"]
    assert 50 <= int(response.headers["retry-after"]) <= 60
    state = http.get("/health")
    assert (state.status_code, state.json()["models"]["echo"]["state"]) == (503, "failed")


def test_other_models_go_on(start):
    _, http = start("echo", "other", restart=PATIENT)
    http.post(URL, json=body("die 0"))
    assert http.post(URL, json=body("x", "other")).status_code == 200
    assert health(http, "other")["num_restarts"] == 0


def test_a_worker_that_talks_nonsense_is_killed(tmp_path, monkeypatch):
    with pytest.raises(ModelLoadError, match="no message"), fake_endpoint(tmp_path, "garbage"):
        pass


def test_what_a_worker_refuses_to_load_is_its_own_error(tmp_path):
    with pytest.raises(InvalidModelFileError, match="no tensors") as caught, fake_endpoint(tmp_path, "refuse"):
        pass
    assert caught.value.hint == "get another"


def test_a_death_while_loading_shows_the_last_lines_of_the_log(tmp_path):
    with pytest.raises(ModelLoadError, match="SIGABRT") as caught, fake_endpoint(tmp_path, "die"):
        pass
    assert "about to die" in caught.value.message


def test_a_restart_that_cannot_load_ends_at_the_breaker_with_the_reason(start):
    _, http = start("die-second", restart=RestartPolicy(first_delay_seconds=0.01, max_crashes=3))
    http.post(URL, json=body("die 0", "die-second"))
    response = http.post(URL, json=body("x", "die-second"))
    assert response.status_code == 503
    assert "SIGABRT" in response.json()["error"]["message"]


def test_requests_wait_for_a_worker_that_is_restarting(start):
    endpoint, http = start(restart=RestartPolicy(first_delay_seconds=1.0))
    http.post(URL, json=body("die 0"))
    assert endpoint.worker_pids() == {"echo": None}
    assert http.post(URL, json=body("x")).status_code == 200


def test_a_worker_has_no_keys_and_a_private_log(start, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "canary")
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    endpoint, http = start()
    environment = f"/proc/{endpoint.worker_pids()['echo']}/environ"
    if os.path.exists(environment):  # noqa: PTH110
        with open(environment, "rb") as raw:  # noqa: PTH123
            assert b"canary" not in raw.read()
    assert "HF_TOKEN" not in http.post(URL, json=body("state")).text
    assert (tmp_path / "worker-echo.log").stat().st_mode & 0o077 == 0


def test_no_process_is_left_whatever_state_it_was_in(tmp_path):
    with running_endpoint(fake_plan(tmp_path, "echo", "other")) as endpoint:
        pids = endpoint.worker_pids()
        os.kill(pids["other"], signal.SIGSTOP)
    for pid in pids.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
