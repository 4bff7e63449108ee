import asyncio

import msgspec
import pytest

from labkit.errors import NotReadyError, QueueFullError, UnavailableError, WorkerDiedError
from labkit.serving.backlog import Backlog, weight_of
from labkit.serving.route import MAX_PENDING_DELTAS, MAX_READ_DELTAS, UNCOUNTED_DELTAS, Route
from labkit.worker.messages import Delta, LogprobEntry, TokenText
from labkit.worker.wire import describe_error

LAST = Delta("r", finish_reason="stop")


def collect(route):
    async def collected():
        found = []
        while not route.is_read:
            found += await route.news()
        return found

    return asyncio.run(collected())


def test_a_reader_that_keeps_up_gets_every_delta_as_it_comes():
    async def exchange():
        route, seen = Route(), []
        for delta in (Delta("r", content="a"), Delta("r", content="b"), LAST):
            reading = asyncio.ensure_future(route.news())
            await asyncio.sleep(0)
            assert not reading.done()
            route.deliver(delta)
            seen += await reading
        return seen, route.is_read

    assert asyncio.run(exchange()) == ([Delta("r", content="a"), Delta("r", content="b"), LAST], True)


def test_for_a_reader_that_is_behind_several_deltas_are_one_and_nothing_is_lost():
    route = Route()
    assert all(route.deliver(Delta("r", content=str(n), num_tokens=1)) for n in range(3))
    route.deliver(LAST)
    assert collect(route) == [Delta("r", content="012", num_tokens=3, finish_reason="stop")]
    assert route.is_over


def test_a_request_with_two_choices_is_over_when_both_are():
    route = Route()
    route.deliver(Delta("r", content="a", choice=1, num_open=2))
    route.deliver(Delta("r", finish_reason="stop", choice=1, num_open=1))
    assert not route.is_over
    route.deliver(Delta("r", content="b", finish_reason="length", num_open=0))
    assert [(delta.choice, delta.content, delta.finish_reason) for delta in collect(route)] == [
        (1, "a", "stop"),
        (0, "b", "length"),
    ]


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


def test_whoever_holds_the_most_is_given_up_when_all_together_hold_too_much():
    backlog = Backlog(most_bytes=150_000)
    greedy, modest = Route(backlog), Route(backlog)
    piece = Delta("r", content="x" * 1000)
    for _ in range(UNCOUNTED_DELTAS + 10):
        assert modest.deliver(piece)
    told = [greedy.deliver(piece) for _ in range(UNCOUNTED_DELTAS + 100)]
    assert told.count(False) == 1  # the worker is told once
    assert not modest.is_over
    with pytest.raises(UnavailableError, match="too slowly"):
        collect(greedy)
    assert modest.deliver(LAST)
    assert "".join(delta.content for delta in collect(modest)) == "x" * 1000 * (UNCOUNTED_DELTAS + 10)
    assert backlog.num_bytes == 0


def test_an_answer_that_nobody_fetches_is_forgotten_too():
    backlog = Backlog(most_bytes=60_000)
    route = Route(backlog)
    for _ in range(UNCOUNTED_DELTAS + 1):
        assert route.deliver(Delta("r", content="x" * 1000))
    assert route.deliver(LAST)
    assert backlog.num_bytes > 0
    route.close()
    assert backlog.num_bytes == 0
    other = Route(backlog)
    for _ in range(UNCOUNTED_DELTAS):
        other.deliver(Delta("r"))
    other.deliver(msgspec.structs.replace(LAST, content="x" * 60_000))
    with pytest.raises(UnavailableError, match="too slowly"):
        collect(other)
    assert other.deliver(LAST)  # it is over: there is nothing to cancel


def test_log_probabilities_weigh_more_than_text():
    token = TokenText(b"x", -1.0)
    heavy = Delta("r", content="x", logprobs=(LogprobEntry(token, (token,) * 20),))
    assert weight_of(heavy) > 5 * weight_of(Delta("r", content="x"))


def test_a_client_that_is_behind_gets_its_news_in_pieces_and_owes_less_with_each():
    backlog = Backlog()
    route = Route(backlog)
    for n in range(3 * MAX_READ_DELTAS):
        assert route.deliver(Delta("r", content=f"{n} ", num_tokens=1))
    route.deliver(LAST)
    seen, owed = [], [backlog.num_bytes]

    async def read():
        while not route.is_read:
            seen.extend(await route.news())
            owed.append(backlog.num_bytes)

    asyncio.run(read())
    assert [delta.num_tokens for delta in seen] == [MAX_READ_DELTAS] * 3 + [0]
    assert "".join(delta.content for delta in seen).split() == [str(n) for n in range(3 * MAX_READ_DELTAS)]
    assert owed == sorted(set(owed), reverse=True)
    assert owed[-1] == 0
