"""Start, drain and stop of a whole endpoint."""

import asyncio
import threading

import httpx2
import pytest

from fakes.endpoints import body, fake_plan, wait_for
from labkit.errors import PortInUseError
from labkit.serving import open_endpoint
from labkit.serving.listener import open_listener

URL = "/v1/chat/completions"


def post(url, text, **fields):
    return httpx2.post(url + URL, json=body(text, **fields), timeout=30, trust_env=False)


def test_a_port_in_use_is_known_before_any_worker_starts(tmp_path):
    async def start(port):
        async with open_endpoint(fake_plan(tmp_path, port=port)):
            pass

    with open_listener("127.0.0.1", 0) as other, pytest.raises(PortInUseError):
        asyncio.run(start(other.getsockname()[1]))
    assert not list(tmp_path.glob("*.log"))


def drained(plan, text, while_draining=lambda endpoint: None):
    """Start a request, drain while it runs; returns its response and that of a request during the drain."""
    answers = {}

    async def run():
        async with open_endpoint(plan) as endpoint:
            first = asyncio.create_task(asyncio.to_thread(post, endpoint.url, text, stream=True))
            while not endpoint.num_running:  # noqa: ASYNC110  # short, and only here
                await asyncio.sleep(0.01)
            endpoint.drain()
            answers["refused"] = await asyncio.to_thread(post, endpoint.url, "x")
            answers["health"] = await asyncio.to_thread(httpx2.get, endpoint.url + "/health")
            while_draining(endpoint)
        answers["first"] = await first

    asyncio.run(run())
    return answers


def test_draining_refuses_new_requests_and_lets_running_ones_end(tmp_path):
    answers = drained(fake_plan(tmp_path), "slow 40")
    assert answers["refused"].status_code == 503
    assert answers["health"].status_code == 503
    assert answers["first"].content.endswith(b"data: [DONE]\n\n")


def test_what_does_not_end_in_time_ends_with_an_error_event(tmp_path):
    events = drained(fake_plan(tmp_path, drain_seconds=0.1), "slow 5000")["first"].content.split(b"\n\n")
    assert b"the endpoint is stopping" in events[-2]
    assert sum(b'"error"' in event for event in events) == 1


def test_hurry_drops_running_requests_at_once(tmp_path):
    answers = drained(fake_plan(tmp_path, drain_seconds=600.0), "slow 5000", lambda endpoint: endpoint.hurry())
    assert b"the endpoint is stopping" in answers["first"].content


def test_health_is_503_while_a_model_loads_and_stopping_does_not_wait_for_it(tmp_path):
    with open_listener("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    loop_holder = {}

    async def run():
        loop_holder["task"] = asyncio.current_task()
        loop_holder["loop"] = asyncio.get_running_loop()
        async with open_endpoint(fake_plan(tmp_path, "slow-load", port=port)):
            pass

    def serve():
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(run())
        loop_holder["ended"] = True

    thread = threading.Thread(target=serve)
    thread.start()

    def state():
        try:
            return httpx2.get(f"http://127.0.0.1:{port}/health", trust_env=False)
        except httpx2.ConnectError:
            return None

    response = wait_for(state)
    assert (response.status_code, response.json()["models"]["slow-load"]["state"]) == (503, "loading")
    loop_holder["loop"].call_soon_threadsafe(loop_holder["task"].cancel)
    thread.join()
    assert loop_holder["ended"]


def test_a_failed_load_of_one_model_stops_the_others(tmp_path):
    async def start():
        async with open_endpoint(fake_plan(tmp_path, "echo", "die")):
            pass

    with pytest.raises(Exception, match="SIGABRT"):
        asyncio.run(start())
