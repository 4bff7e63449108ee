"""Many models in little memory: loaded on first use, shared by all who wait, and gone before their memory is free."""

import asyncio
import contextlib
import os
from dataclasses import replace

import pytest

from fakes.endpoints import fake_model, fake_plan
from labkit.api.backend import PROBE_ID_PREFIX
from labkit.engine.types import EngineConfig
from labkit.errors import (
    InsufficientMemoryError,
    InvalidModelFileError,
    ModelLoadError,
    NotReadyError,
    QueueFullError,
)
from labkit.serving.fit import estimate, memory_of
from labkit.serving.worker_pool import WorkerPool
from labkit.worker.messages import Generate

SMALL = EngineConfig(context_tokens=64)


def on_demand(folder, *names, room=1.5, **changes):
    """A plan whose models leave; its memory holds `room` of them."""
    plan = fake_plan(folder, *names, **{"engine": SMALL, **changes})
    models = tuple(replace(model, stays=False, estimate=estimate(model, SMALL)) for model in plan.models)
    limit = int(room * memory_of(models[0], SMALL))
    return replace(plan, models=models, memory_limit_bytes=limit)


def run(plan, scenario):
    async def main():
        pool = WorkerPool(plan)
        try:
            await pool.start()
            await scenario(pool)
        finally:
            await pool.stop()

    asyncio.run(main())


async def say(pool, model, text="hi", prefix=""):
    """The answer's text."""
    request = Generate(request_id=prefix + os.urandom(8).hex(), messages=({"role": "user", "content": text},))
    said = ""
    async for deltas in pool.generate(model, request):
        said += "".join(delta.content for delta in deltas)
    return said


def states(pool):
    return {name: health.state for name, health in pool.health().items()}


async def until(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


def times_loaded(folder, model):
    log = folder / f"worker-{model}.log"
    return log.read_text().count("the fake worker loads") if log.exists() else 0


def test_nothing_is_loaded_before_it_is_asked_for_and_first_requests_share_a_load(tmp_path):
    async def scenario(pool):
        assert states(pool) == {"a": "unloaded", "b": "unloaded"}
        assert await asyncio.gather(*(say(pool, "a") for _ in range(5))) == ["hi"] * 5
        assert states(pool) == {"a": "ready", "b": "unloaded"}
        assert times_loaded(tmp_path, "a") == 1

    run(on_demand(tmp_path, "a", "b"), scenario)


def test_the_least_recently_used_goes_and_its_process_is_gone_before_the_next_starts(tmp_path):
    async def scenario(pool):
        for model in ("a", "b", "a"):
            await say(pool, model)
        pids = pool.worker_pids()
        await say(pool, "c")
        assert states(pool) == {"a": "ready", "b": "unloaded", "c": "ready"}
        with pytest.raises(ProcessLookupError):
            os.kill(pids["b"], 0)
        assert sum(resident.memory_bytes for resident in pool.residents()) <= plan.memory_limit_bytes

    plan = on_demand(tmp_path, "a", "b", "c", room=2.5)
    run(plan, scenario)


def test_a_model_in_use_is_waited_for(tmp_path):
    async def scenario(pool):
        long = asyncio.create_task(say(pool, "a", "slow 40"))
        await until(lambda: pool.num_running and states(pool)["a"] == "ready")
        other = asyncio.create_task(say(pool, "b"))
        await until(lambda: pool.health()["b"].reason == "waits for memory")
        assert pool.health()["b"].num_waiting == 1
        assert (await long).endswith("39")
        assert await other == "hi"
        assert states(pool) == {"a": "unloaded", "b": "ready"}

    run(on_demand(tmp_path, "a", "b"), scenario)


def test_waiting_for_memory_has_an_end_that_says_when_to_try_again(tmp_path):
    async def scenario(pool):
        long = asyncio.create_task(say(pool, "a", "slow 500"))
        await until(lambda: pool.num_running and states(pool)["a"] == "ready")
        with pytest.raises(NotReadyError, match=r"no memory for 'b' while other models are in use \(a\)") as caught:
            await say(pool, "b")
        assert caught.value.retry_after_seconds == 5
        assert states(pool) == {"a": "ready", "b": "unloaded"}
        long.cancel()

    run(on_demand(tmp_path, "a", "b", room_seconds=0.1), scenario)


def test_what_can_never_fit_is_refused_with_the_context_that_could(tmp_path):
    async def scenario(pool):
        with pytest.raises(InsufficientMemoryError, match="with 1,000,000 tokens") as caught:
            await say(pool, "a")
        assert "--ctx" in caught.value.hint
        assert states(pool) == {"a": "unloaded"}

    plan = on_demand(tmp_path, "a", room=8)
    large = replace(plan.models[0], engine=EngineConfig(context_tokens=1_000_000), estimate=None)
    run(replace(plan, models=(large,)), scenario)


def test_what_stays_is_never_unloaded_for_another(tmp_path):
    async def scenario(pool):
        assert states(pool) == {"a": "ready", "b": "unloaded"}
        with pytest.raises(InsufficientMemoryError, match=r"beside what stays loaded \(a\)"):
            await say(pool, "b")
        assert states(pool) == {"a": "ready", "b": "unloaded"}

    plan = on_demand(tmp_path, "a", "b", room=1.01)
    run(replace(plan, models=(replace(plan.models[0], stays=True), plan.models[1])), scenario)


def test_a_model_leaves_when_nobody_asks_for_it_and_comes_back(tmp_path):
    async def scenario(pool):
        await say(pool, "a")
        assert pool.health()["a"].expires_at is not None
        await until(lambda: states(pool)["a"] == "unloaded")
        assert await say(pool, "a") == "hi"
        assert times_loaded(tmp_path, "a") == 2

    run(on_demand(tmp_path, "a", keep_alive_seconds=1.0), scenario)


def test_how_long_it_stays_can_be_said_with_a_load(tmp_path, monkeypatch):
    monkeypatch.setattr("labkit.serving.model_host.SHORTEST_STAY_SECONDS", 1.0)

    async def scenario(pool):
        await pool.load("a", float("inf"))
        health = pool.health()["a"]
        assert (health.state, health.expires_at) == ("ready", None)
        await pool.load("a", 0.0)
        assert await say(pool, "a") == "hi"
        await until(lambda: states(pool)["a"] == "unloaded")
        assert times_loaded(tmp_path, "a") == 1

    run(on_demand(tmp_path, "a"), scenario)


def test_a_probe_does_not_keep_a_model_loaded(tmp_path):
    async def scenario(pool):
        await say(pool, "a")
        before = pool.health()["a"].expires_at
        await asyncio.sleep(0.1)
        await say(pool, "a", prefix=PROBE_ID_PREFIX)
        assert pool.health()["a"].expires_at == pytest.approx(before, abs=0.04)
        await say(pool, "a")
        assert pool.health()["a"].expires_at > before + 0.08

    run(on_demand(tmp_path, "a"), scenario)


def test_unloading_waits_for_running_answers_and_new_ones_are_still_given(tmp_path):
    async def scenario(pool):
        long = asyncio.create_task(say(pool, "a", "slow 40"))
        await until(lambda: pool.num_running and states(pool)["a"] == "ready")
        await pool.unload("a")
        assert await say(pool, "a") == "hi"
        assert states(pool)["a"] == "ready"
        assert (await long).endswith("39")
        await until(lambda: states(pool)["a"] == "unloaded")
        await pool.load("a")
        await pool.unload("a")
        assert pool.worker_pids() == {"a": None}

    run(on_demand(tmp_path, "a"), scenario)


def test_who_leaves_while_it_loads_does_not_take_the_others_along(tmp_path):
    async def scenario(pool):
        first, second = (asyncio.create_task(say(pool, "lazy")) for _ in range(2))
        await until(lambda: times_loaded(tmp_path, "lazy"))
        first.cancel()
        assert await second == "hi"
        assert times_loaded(tmp_path, "lazy") == 1

    run(on_demand(tmp_path, "lazy"), scenario)


def test_who_leaves_while_it_waits_for_memory_is_forgotten(tmp_path):
    async def scenario(pool):
        long = asyncio.create_task(say(pool, "a", "slow 40"))
        await until(lambda: pool.num_running and states(pool)["a"] == "ready")
        gone = asyncio.create_task(say(pool, "b"))
        await until(lambda: pool.health()["b"].reason)
        gone.cancel()
        again = asyncio.create_task(say(pool, "b"))  # while the first one is on its way out
        with contextlib.suppress(asyncio.CancelledError):
            await gone
        assert (await long).endswith("39")
        assert await again == "hi"
        assert times_loaded(tmp_path, "b") == 1

    run(on_demand(tmp_path, "a", "b"), scenario)


def test_no_more_than_may_wait_do_wait_for_a_load(tmp_path):
    async def scenario(pool):
        first = [asyncio.create_task(say(pool, "lazy")) for _ in range(2)]
        await until(lambda: pool.health()["lazy"].num_waiting == 2)
        with pytest.raises(QueueFullError):
            await say(pool, "lazy")
        assert await asyncio.gather(*first) == ["hi", "hi"]

    run(on_demand(tmp_path, "lazy", engine=EngineConfig(context_tokens=64, max_waiting=2)), scenario)


def test_a_file_that_crashes_its_worker_twice_is_left_alone_until_it_is_another(tmp_path, monkeypatch):
    monkeypatch.setattr("labkit.serving.load_breaker.FIRST_REST_SECONDS", 0.01)

    async def scenario(pool):
        for _ in range(2):
            with pytest.raises(ModelLoadError, match="SIGABRT"):
                await say(pool, "die")
            await asyncio.sleep(0.02)
        with pytest.raises(NotReadyError, match="not tried again until its file changes"):
            await say(pool, "die")
        assert states(pool) == {"die": "failed"}
        assert times_loaded(tmp_path, "die") == 2
        fake_model(tmp_path / "die.gguf")
        with pytest.raises(ModelLoadError, match="SIGABRT"):
            await say(pool, "die")
        assert times_loaded(tmp_path, "die") == 3

    run(on_demand(tmp_path, "die"), scenario)


def test_a_failed_load_is_not_tried_again_at_once(tmp_path):
    async def scenario(pool):
        answers = await asyncio.gather(*(say(pool, "refuse") for _ in range(4)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {InvalidModelFileError}
        with pytest.raises(NotReadyError, match="the last try has just failed: no tensors here") as caught:
            await say(pool, "refuse")
        assert caught.value.retry_after_seconds == 1
        assert times_loaded(tmp_path, "refuse") == 1

    run(on_demand(tmp_path, "refuse"), scenario)


def test_clients_are_not_told_where_a_lost_file_lay(tmp_path):
    async def scenario(pool):
        (tmp_path / "lost.gguf").unlink()
        with pytest.raises(InvalidModelFileError, match=r"cannot read lost\.gguf") as caught:
            await say(pool, "lost")
        assert str(tmp_path) not in caught.value.message

    run(on_demand(tmp_path, "lost"), scenario)


def test_stopping_ends_those_who_wait(tmp_path):
    async def scenario(pool):
        long = asyncio.create_task(say(pool, "a", "slow 500"))
        await until(lambda: pool.num_running and states(pool)["a"] == "ready")
        waiting = asyncio.create_task(say(pool, "b"))
        await until(lambda: pool.health()["b"].reason)
        pool.drain()
        pool.end_all(NotReadyError("over"))
        for task in (long, waiting):
            with pytest.raises(NotReadyError, match="over"):
                await task

    run(on_demand(tmp_path, "a", "b"), scenario)
