import random
import threading

import numpy as np
import pytest

from fakes.embedding_backend import FakeEmbeddingBackend
from labkit.engine.embedder import Embedder, finish_vector
from labkit.engine.types import EmbeddingRequest
from labkit.errors import (
    ContextLengthExceededError,
    ForwardError,
    InvalidRequestError,
    NativeError,
    NotReadyError,
    QueueFullError,
)


class Desk:
    """An embedder without a thread, and all its events by request."""

    def __init__(self, backend=None, **options):
        self.backend = backend or FakeEmbeddingBackend()
        self.events = {}
        self.embedder = Embedder(self.backend, self.on_step, **options)

    def on_step(self, events):
        for event in events:
            self.events.setdefault(event.request_id, []).append(event)

    def ask(self, request_id, *inputs, **fields):
        self.embedder.submit(EmbeddingRequest(request_id, tuple(inputs), **fields))

    def run(self):
        for _ in range(500):
            self.embedder.step()
            if self.embedder.stats().num_running == 0:
                return
        raise AssertionError("it never ends")

    def last(self, request_id):
        *others, last = self.events[request_id]
        assert last.is_last
        assert not any(event.is_last for event in others)
        return last

    def vectors(self, request_id):
        self.last(request_id)
        found = [item for event in self.events[request_id] for item in event.vectors]
        assert len(dict(found)) == len(found)
        return [vector.tolist() for _, vector in sorted(found, key=lambda item: item[0])]


def raw(*inputs):
    return [[sum(tokens), len(tokens), 1] for tokens in inputs]


def test_requests_share_a_forward_and_get_their_own_vectors():
    desk = Desk()
    desk.ask("a", (1, 2), (3,), normalize=False)
    desk.ask("b", (4, 5, 6), normalize=False)
    desk.run()
    assert len(desk.backend.forwards) == 1
    assert desk.vectors("a") == raw((1, 2), (3,))
    assert desk.vectors("b") == raw((4, 5, 6))
    last = desk.last("a")
    assert (last.finish_reason, last.usage.prompt_tokens, last.usage.completion_tokens) == ("stop", 3, 0)


def test_order_is_kept_over_many_forwards():
    desk = Desk()
    inputs = [tuple(range(1, length + 1)) for length in random.Random(3).choices(range(1, 17), k=60)]
    desk.ask("a", *inputs, normalize=False)
    desk.run()
    assert len(desk.backend.forwards) > 10
    assert desk.vectors("a") == raw(*inputs)


def test_vectors_come_as_they_are_computed():
    desk = Desk()
    desk.ask("a", *[(1,) * 16] * 3)
    desk.embedder.step()
    (event,) = desk.events["a"]
    assert (len(event.vectors), event.is_last) == (1, False)


def test_a_query_does_not_wait_for_a_large_job():
    desk = Desk()
    desk.ask("job", *[(1,) * 16] * 10_000)
    desk.embedder.step()
    desk.ask("query", (7, 7))
    for _ in range(2):
        desk.embedder.step()
    assert desk.last("query").finish_reason == "stop"
    desk.embedder.cancel("job")
    desk.run()
    assert desk.last("job").finish_reason == "cancelled"
    assert desk.embedder.stats().waiting_tokens == 0


def test_normalised_after_the_cut():
    desk = Desk()
    desk.ask("whole", (3, 3))
    desk.ask("cut", (3, 3), dimensions=2)
    desk.run()
    np.testing.assert_allclose(desk.vectors("whole"), [np.array([6, 2, 1]) / np.sqrt(41)], rtol=1e-6)
    np.testing.assert_allclose(desk.vectors("cut"), [np.array([6, 2]) / np.sqrt(40)], rtol=1e-6)


def test_a_zero_vector_stays_zero():
    assert finish_vector(np.zeros(4, np.float32), None, normalize=True).tolist() == [0, 0, 0, 0]


def test_token_vectors_are_normalised_one_by_one():
    rows = finish_vector(np.array([[3, 4], [0, 5]], np.float32), None, normalize=True)
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "fields", "kind", "param"),
    [
        ((), {}, InvalidRequestError, "input"),
        (((1,), ()), {}, InvalidRequestError, "input"),
        (((1,) * 17,), {}, ContextLengthExceededError, "input"),
        (((1,) * 17,), {"param": "documents"}, ContextLengthExceededError, "documents"),
        (((1000,),), {}, InvalidRequestError, "input"),
        (((5, -1),), {}, InvalidRequestError, "input"),
        (((1,),), {"dimensions": 4}, InvalidRequestError, "dimensions"),
        (((1,),), {"dimensions": 0}, InvalidRequestError, "dimensions"),
    ],
)
def test_what_cannot_be_honoured_is_one_error(inputs, fields, kind, param):
    desk = Desk()
    desk.ask("a", *inputs, **fields)
    desk.run()
    (event,) = desk.events["a"]
    assert type(event.error) is kind
    assert event.error.param == param
    assert desk.backend.forwards == []


def test_a_second_request_of_the_same_name_is_refused_and_the_first_goes_on():
    desk = Desk()
    desk.ask("a", (1,))
    desk.ask("a", (2,))
    desk.run()
    first, second = desk.events["a"]
    assert {type(first.error), type(second.error)} == {InvalidRequestError, type(None)}


def test_the_queue_is_bounded_and_says_when_to_come_back():
    desk = Desk(max_waiting=2)
    for name in "abc":
        desk.ask(name, (1,))
    desk.run()
    assert type(desk.last("c").error) is QueueFullError
    assert desk.last("c").error.retry_after_seconds >= 1
    assert desk.last("a").finish_reason == desk.last("b").finish_reason == "stop"


def test_a_failing_forward_fails_only_the_request_to_blame():
    desk = Desk(FakeEmbeddingBackend(bad={666}))
    desk.ask("good", (1,), (2, 2), normalize=False)
    desk.ask("bad", (666,), (3,))
    desk.run()
    assert type(desk.last("bad").error) is ForwardError
    assert desk.vectors("good") == raw((1,), (2, 2))


def test_numbers_that_are_not_finite_are_an_error():
    desk = Desk(FakeEmbeddingBackend(broken={13}))
    desk.ask("broken", (13,), (1,))
    desk.ask("good", (1,))
    desk.run()
    assert type(desk.last("broken").error) is NativeError
    assert desk.last("good").finish_reason == "stop"


def test_cancel_between_forwards_ends_once():
    desk = Desk()
    desk.ask("a", *[(1,) * 16] * 5)
    desk.embedder.step()
    desk.embedder.cancel("a")
    desk.embedder.cancel("a")
    desk.embedder.cancel("nobody")
    desk.run()
    assert desk.last("a").finish_reason == "cancelled"
    assert len(desk.backend.forwards) == 1


def test_random_loads_end_each_request_once():
    generator = random.Random(5)
    desk = Desk(FakeEmbeddingBackend(bad={666}), max_waiting=1000)
    names = []
    for number in range(150):
        names.append(str(number))
        inputs = [
            (generator.choice([1, 2, 3, 666]),) * generator.randint(1, 17) for _ in range(generator.randint(1, 9))
        ]
        desk.ask(names[-1], *inputs)
        if generator.random() < 0.3:
            desk.embedder.cancel(generator.choice(names))
        if generator.random() < 0.5:
            desk.embedder.step()
    desk.run()
    endings = {desk.last(name).finish_reason or type(desk.last(name).error).__name__ for name in names}
    assert endings == {"stop", "cancelled", "ForwardError", "ContextLengthExceededError"}


class Thread(Desk):
    """The same with its thread."""

    def __init__(self, backend=None, **options):
        self.done = threading.Event()
        super().__init__(backend, **options)
        self.embedder.start()

    def on_step(self, events):
        super().on_step(events)
        if any(event.is_last for event in events):
            self.done.set()


def test_in_its_own_thread():
    desk = Thread()
    assert desk.backend.is_prepared
    desk.ask("a", (1, 2), normalize=False)
    assert desk.done.wait(10)
    assert desk.vectors("a") == raw((1, 2))
    desk.embedder.shutdown()
    assert not desk.embedder.is_alive


def test_shutdown_ends_what_runs_and_refuses_what_comes():
    desk = Thread()
    desk.embedder.shutdown()
    desk.ask("late", (1,))
    desk.embedder.step()
    assert type(desk.last("late").error) is NotReadyError


def test_a_bug_in_the_loop_still_ends_every_request():
    desk = Thread(FakeEmbeddingBackend(explode=True))
    desk.ask("a", (1,))
    assert desk.done.wait(10)
    assert type(desk.last("a").error) is NativeError
