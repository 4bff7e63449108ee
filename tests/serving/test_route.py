import asyncio

import pytest

from labkit.errors import NotReadyError, QueueFullError, UnavailableError, WorkerDiedError
from labkit.serving.route import MAX_PENDING_DELTAS, Route
from labkit.worker.messages import Delta
from labkit.worker.wire import describe_error

LAST = Delta("r", finish_reason="stop")


def collect(route):
    async def collected():
        return [delta async for delta in route]

    return asyncio.run(collected())


def test_deltas_come_in_order_and_end_with_the_last():
    route = Route()
    sent = [Delta("r", content=str(n)) for n in range(3)] + [LAST]
    assert all(route.deliver(delta) for delta in sent)
    assert collect(route) == sent
    assert route.is_over


def test_nothing_comes_after_the_end():
    route = Route()
    route.deliver(LAST)
    route.deliver(Delta("r", content="late"))
    assert not route.fail(WorkerDiedError("died"))
    assert collect(route) == [LAST]


def test_an_error_ends_the_route_once():
    route = Route()
    route.deliver(Delta("r", content="a"))
    assert route.fail(WorkerDiedError("first"))
    assert not route.fail(WorkerDiedError("second"))
    with pytest.raises(WorkerDiedError, match="first"):
        collect(route)
    assert collect(route) == []


def test_the_workers_error_is_restored():
    route = Route()
    route.deliver(Delta("r", error=describe_error(QueueFullError("full", retry_after_seconds=4))))
    with pytest.raises(QueueFullError, match="full") as caught:
        collect(route)
    assert caught.value.retry_after_seconds == 4


def test_an_answer_that_the_worker_cut_is_an_error():
    route = Route()
    route.deliver(Delta("r", finish_reason="cancelled"))
    with pytest.raises(NotReadyError):
        collect(route)


def test_a_reader_that_is_too_slow_is_given_up_and_memory_stays_bounded():
    route = Route()
    for _ in range(MAX_PENDING_DELTAS):
        assert route.deliver(Delta("r", content="x"))
    assert not route.deliver(Delta("r", content="x"))
    assert route.deliver(Delta("r", content="x"))
    with pytest.raises(UnavailableError, match="slowly"):
        collect(route)
