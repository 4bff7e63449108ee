import asyncio

import pytest

from fakes.front_backend import FrontBackend
from fakes.observations import observation
from labkit.api.backend import ModelHealth
from labkit.api.observers import ReadinessProbe
from labkit.api.observers import readiness as module
from labkit.errors import ForwardError
from labkit.worker.messages import Complete, Embed, Generate, Rerank


def ready(probe, model="tiny"):
    return asyncio.run(probe.of_models())[model]


def test_a_model_that_answers_a_probe_is_ready_and_one_token_is_all_it_costs():
    backend = FrontBackend()
    probe = ReadinessProbe(backend)
    assert ready(probe).ready
    (asked,) = backend.asked
    assert (asked.max_tokens, asked.reuse, asked.lane) == (1, False, "interactive")


def test_a_token_that_came_lately_needs_no_probe(monkeypatch):
    backend = FrontBackend()
    probe = ReadinessProbe(backend)
    now = module.monotonic()
    probe.ended(observation(last_token=now - 1))
    found = ready(probe)
    assert found.ready
    assert found.reason == "a token was decoded lately"
    assert backend.asked == []
    monkeypatch.setattr(module, "monotonic", lambda: now + 60)
    assert ready(probe).reason == "a probe was answered"


def test_a_probe_that_is_not_answered_is_a_reason_and_is_cancelled():
    backend = FrontBackend()
    backend.silent = True
    found = ready(ReadinessProbe(backend, probe_seconds=0.05))
    assert not found.ready
    assert found.reason == "a probe had no answer within 0.05 s"
    assert backend.closed == 1


def test_a_probe_that_fails_says_why():
    backend = FrontBackend()
    backend.error = ForwardError("the forward failed")
    assert ready(ReadinessProbe(backend)).reason == "a probe failed: the forward failed"


def test_probes_come_one_at_a_time_and_rest(monkeypatch):
    backend = FrontBackend()
    probe = ReadinessProbe(backend)

    async def crowd():
        return await asyncio.gather(*(probe.of_models() for _ in range(20)))

    assert all(found["tiny"].ready for found in asyncio.run(crowd()))
    assert ready(probe).ready
    assert len(backend.asked) == 1
    now = module.monotonic()
    monkeypatch.setattr(module, "monotonic", lambda: now + module.REST_SECONDS + 1)
    assert ready(probe).ready
    assert len(backend.asked) == 2


def test_one_who_leaves_takes_nobody_s_probe_away():
    backend = FrontBackend()
    backend.silent = True
    probe = ReadinessProbe(backend, probe_seconds=0.2)

    async def one_leaves():
        leaver = asyncio.create_task(probe.of_models())
        stayer = asyncio.create_task(probe.of_models())
        await asyncio.sleep(0.02)
        leaver.cancel()
        return await stayer

    assert asyncio.run(one_leaves())["tiny"].reason == "a probe had no answer within 0.2 s"


def test_a_busy_model_is_ready_while_it_makes_steps():
    backend = FrontBackend()
    backend.silent = True
    probe = ReadinessProbe(backend)
    backend.states["tiny"] = ModelHealth("ready", num_running=4, num_waiting=64, last_step_age_seconds=3.0)
    assert ready(probe).ready
    backend.states["tiny"] = ModelHealth("ready", num_running=4, last_step_age_seconds=60.0)
    assert not ready(probe).ready
    assert ready(probe).reason == "busy, and without a step for 60 s"
    assert backend.asked == []


def test_a_model_that_sleeps_is_not_woken():
    backend = FrontBackend({"tiny": "unloaded"})
    assert ready(ReadinessProbe(backend)).ready
    assert backend.asked == []


def test_a_model_that_cannot_answer_says_why():
    backend = FrontBackend()
    backend.states["tiny"] = ModelHealth("failed", "its worker crashed")
    found = ready(ReadinessProbe(backend))
    assert (found.ready, found.reason) == (False, "failed: its worker crashed")


@pytest.mark.parametrize(
    ("capabilities", "kind"),
    [(("chat",), Generate), (("chat", "completions"), Complete), (("embeddings",), Embed), (("rerank",), Rerank)],
)
def test_a_model_is_asked_what_it_can_do(capabilities, kind):
    backend = FrontBackend(tiny={"capabilities": capabilities})
    assert ready(ReadinessProbe(backend)).ready
    assert [type(asked) for asked in backend.asked] == [kind]
