import random
import threading

import pytest

from fakes.backend import FakeBackend
from fakes.desk import Desk
from labkit.engine.engine import Engine
from labkit.engine.types import Constraint, GenerationRequest
from labkit.errors import (
    ContextLengthExceededError,
    ForwardError,
    InvalidRequestError,
    NativeError,
    NotReadyError,
    QueueFullError,
)


def test_one_request_counts_up_to_its_limit():
    desk = Desk()
    desk.submit("a", [1, 2, 3], max_tokens=4)
    desk.run()
    assert desk.text("a") == "4 5 6 7 "
    last = desk.last("a")
    assert (last.finish_reason, last.usage.prompt_tokens, last.usage.completion_tokens) == ("length", 3, 4)
    assert desk.backend.used == 0
    assert not desk.backend.opened


def test_an_end_token_stops_unless_it_is_ignored():
    desk = Desk()
    desk.submit("a", [998], max_tokens=5)
    desk.submit("b", [998], max_tokens=5, ignore_eos=True)
    desk.run()
    assert (desk.text("a"), desk.last("a").finish_reason) == ("999 ", "stop")
    assert (desk.text("b"), desk.last("b").finish_reason) == ("999 1000 1001 1002 1003 ", "length")


def test_a_stop_string_across_tokens_is_cut_off():
    desk = Desk()
    desk.submit("a", [10], max_tokens=20, stop=("3 14",))
    desk.run()
    assert (desk.text("a"), desk.last("a").finish_reason) == ("11 12 1", "stop")


def test_running_sequences_decode_in_one_forward_beside_a_prefill():
    desk = Desk(batch_tokens=8)
    desk.submit("a", [1], max_tokens=20)
    desk.submit("b", [100], max_tokens=20)
    desk.engine.step()
    desk.submit("c", range(200, 220), max_tokens=2)
    desk.engine.step()
    spans = desk.backend.plans[-1].spans
    assert [(span.sequence.request.request_id, span.num_tokens) for span in spans] == [
        ("a", 1),
        ("b", 1),
        ("c", 6),
    ]
    desk.run()
    assert desk.text("c") == "220 221 "


def test_a_short_prompt_does_not_wait_behind_a_long_one():
    desk = Desk(batch_tokens=8, context_tokens=256)
    desk.submit("long", range(1, 65), max_tokens=1)
    desk.submit("short", [70, 71, 72], max_tokens=1)
    desk.run()
    order = [event.request_id for event in desk.events if event.is_last]
    assert order == ["short", "long"]
    assert max(desk.backend.batch_sizes) == 8


def test_requests_wait_for_slots_in_order():
    desk = Desk(num_slots=2)
    for name in "abcd":
        desk.submit(name, [ord(name)], max_tokens=2)
    desk.run()
    assert [event.request_id for event in desk.events if event.is_last] == ["a", "b", "c", "d"]


def test_sequences_that_outgrow_the_cells_are_preempted_and_lose_nothing():
    desk = Desk(context_tokens=40, num_slots=3, batch_tokens=16)
    for number, name in enumerate("abc"):
        # No max_tokens: admission expects more than there is, so the three enter one by one ...
        desk.submit(name, [100 * number + 1], stop=(f"{100 * number + 30} ",))
    desk.run()
    for number, name in enumerate("abc"):
        expected = "".join(f"{100 * number + n} " for n in range(2, 30))
        assert desk.text(name) == expected


def test_preempted_sequences_say_the_same_as_undisturbed_ones():
    # ... and here they enter together, and must be preempted, because they outgrow what they asked for.
    desk = Desk(context_tokens=48, num_slots=3, batch_tokens=8)
    desk.submit("a", range(1, 6), max_tokens=20)
    desk.submit("b", range(101, 106), max_tokens=15)
    desk.engine.step()
    for sequence in desk.engine._loop._scheduler.running:
        sequence.reserved_cells = 1
    desk.submit("c", range(201, 206), max_tokens=25)
    desk.run()
    assert desk.text("a") == "".join(f"{n} " for n in range(6, 26))
    assert desk.text("b") == "".join(f"{n} " for n in range(106, 121))
    assert desk.text("c") == "".join(f"{n} " for n in range(206, 231))


def test_a_full_context_ends_with_length():
    desk = Desk(context_tokens=16)
    desk.submit("a", range(1, 11))
    desk.run()
    assert desk.last("a").finish_reason == "length"
    assert desk.last("a").usage.completion_tokens == 6


def test_cancel_frees_the_slot_at_the_next_step():
    desk = Desk(num_slots=1, batch_tokens=4)
    desk.submit("a", range(1, 40), max_tokens=5)
    desk.submit("b", [500], max_tokens=1)
    desk.engine.step()
    desk.engine.cancel("a")
    desk.engine.cancel("nobody")
    desk.engine.step()
    assert desk.last("a").finish_reason == "cancelled"
    assert desk.last("b").finish_reason == "length"


def test_a_waiting_request_can_be_cancelled():
    desk = Desk(num_slots=1)
    desk.submit("a", [1], max_tokens=5)
    desk.submit("b", [50], max_tokens=5)
    desk.engine.step()
    desk.engine.cancel("b")
    desk.run()
    assert desk.last("b").finish_reason == "cancelled"
    assert desk.text("a") == "2 3 4 5 6 "


@pytest.mark.parametrize(("prompt", "error"), [([], InvalidRequestError), (range(1, 65), ContextLengthExceededError)])
def test_what_cannot_be_honoured_ends_with_its_error(prompt, error):
    desk = Desk()
    desk.submit("a", prompt)
    desk.run()
    assert isinstance(desk.last("a").error, error)


def test_a_broken_constraint_fails_its_request_alone():
    desk = Desk()
    desk.submit("a", [1], constraint=Constraint("lark", "broken"), max_tokens=1)
    desk.submit("b", [10], max_tokens=1)
    desk.run()
    assert isinstance(desk.last("a").error, InvalidRequestError)
    assert desk.text("b") == "11 "


def test_the_queue_is_bounded():
    desk = Desk(num_slots=1, max_waiting=1)
    for name in "abc":
        desk.submit(name, [1], max_tokens=2)
    desk.engine.step()
    error = desk.last("c").error
    assert isinstance(error, QueueFullError)
    assert error.retry_after_seconds >= 1


def test_a_failed_forward_ends_its_requests_and_the_engine_goes_on():
    desk = Desk()
    desk.backend.fail_next_forward = True
    desk.submit("a", [1], max_tokens=2)
    desk.run()
    assert isinstance(desk.last("a").error, ForwardError)
    desk.submit("b", [1], max_tokens=2)
    desk.run()
    assert desk.text("b") == "2 3 "


def test_two_requests_of_one_id():
    desk = Desk()
    desk.submit("a", [1], max_tokens=3)
    desk.submit("a", [1], max_tokens=3)
    desk.engine.step()
    assert any(isinstance(event.error, InvalidRequestError) for event in desk.events)


def test_random_traffic_loses_nothing_and_mixes_nothing_up():
    for seed in range(20):
        rng = random.Random(seed)
        desk = Desk(
            context_tokens=rng.choice([48, 96]), num_slots=rng.randint(1, 4), batch_tokens=rng.choice([4, 8, 32])
        )
        expected = {}
        for number in range(30):
            start, length = 1000 * number + 1, rng.randint(1, 20)
            tokens = rng.randint(1, 20)
            desk.submit(str(number), range(start, start + length), max_tokens=tokens)
            expected[str(number)] = "".join(f"{start + length + n} " for n in range(tokens))
            for _ in range(rng.randint(0, 4)):
                desk.engine.step()
        desk.run(2000)
        for name, text in expected.items():
            assert desk.text(name) == text, f"seed {seed}"
            desk.last(name)


def test_a_thread_runs_it_and_shutdown_ends_every_request():
    events, done = [], threading.Event()
    backend = FakeBackend(context_tokens=1_000_000)

    def on_step(new):
        events.extend(new)
        if len(events) > 20:
            done.set()

    engine = Engine(backend, on_step)
    engine.start()
    engine.submit(GenerationRequest("a", (1,), ignore_eos=True))
    assert done.wait(30)
    engine.shutdown(30)
    assert not engine.is_alive
    assert events[-1].finish_reason == "cancelled"
    assert sum(event.is_last for event in events) == 1


def test_a_request_after_the_stop_is_refused():
    desk = Desk()
    desk.engine._stop()
    desk.submit("a", [1])
    desk.engine.step()
    assert isinstance(desk.last("a").error, NotReadyError)


class Runner:
    """An engine in its own thread, and what it said."""

    def __init__(self, **sizes):
        self.backend = FakeBackend(**sizes)
        self.events = []
        self.engine = Engine(self.backend, self.events.extend)

    def ended(self):
        return {event.request_id: event for event in self.events if event.is_last}


def test_a_function_is_called_between_steps_and_its_errors_come_back():
    runner = Runner()
    runner.engine.start()
    assert runner.engine.call(lambda: threading.current_thread().name) == "labkit-engine"
    runner.engine.load_adapter("x", "file")
    assert runner.backend.adapters == {"x": "digest of file"}
    with pytest.raises(InvalidRequestError, match="no adapter 'y'"):
        runner.engine.unload_adapter("y")
    runner.engine.unload_adapter("x")
    assert runner.engine.is_alive
    runner.engine.shutdown(30)
    with pytest.raises(NotReadyError):
        runner.engine.call(lambda: 1)


def test_a_bug_in_a_called_function_ends_the_engine_and_everybody_hears_of_it():
    runner = Runner(context_tokens=1_000_000)
    runner.engine.start()
    runner.engine.submit(GenerationRequest("a", (1,), ignore_eos=True))
    with pytest.raises(ZeroDivisionError):
        runner.engine.call(lambda: 1 // 0)
    runner.engine._thread.join(30)
    assert not runner.engine.is_alive
    assert isinstance(runner.ended()["a"].error, NativeError)


def test_who_comes_after_the_end_is_refused_too():
    runner = Runner()
    runner.engine.start()
    runner.engine.shutdown(30)
    runner.engine.submit(GenerationRequest("late", (1,)))
    assert isinstance(runner.ended()["late"].error, NotReadyError)
    waiting = threading.Thread(target=lambda: runner.engine._put(lambda: None))
    waiting.start()
    waiting.join(30)
    assert runner.engine._inbox.empty()


def test_every_request_of_many_threads_ends_once_although_the_engine_is_shut_down_meanwhile():
    runner = Runner(context_tokens=1_000_000)
    runner.engine.start()
    begun = threading.Event()

    def send(thread):
        for number in range(200):
            runner.engine.submit(GenerationRequest(f"{thread}.{number}", (1,), max_tokens=3))
            if number == 50:
                begun.set()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    begun.wait(30)
    runner.engine.shutdown(30)
    for thread in threads:
        thread.join()
    assert sum(event.is_last for event in runner.events) == len(runner.ended()) == 800


def test_shutdown_and_cancel_interrupt_a_long_prompt():
    class Slow(FakeBackend):
        """A forward lasts until it is interrupted."""

        def __init__(self, **sizes):
            super().__init__(**sizes)
            self.is_computing, self.interrupted = threading.Event(), threading.Event()

        def forward(self, plan):
            self.is_computing.set()
            assert self.interrupted.wait(10)
            self.interrupted.clear()
            self.interrupt_next_forward = True
            super().forward(plan)

        def interrupt(self):
            self.interrupted.set()

    for end in ("shutdown", "cancel"):
        events, heard = [], threading.Event()

        def on_step(new, events=events, heard=heard):
            events.extend(new)
            heard.set()

        backend = Slow(context_tokens=1000)
        engine = Engine(backend, on_step)
        engine.start()
        engine.submit(GenerationRequest("a", tuple(range(1, 500))))
        assert backend.is_computing.wait(30)
        if end == "cancel":
            engine.cancel("a")
            assert heard.wait(10)
            assert engine.is_alive
        engine.shutdown(30)
        assert not engine.is_alive
        assert [event.finish_reason for event in events] == ["cancelled"]


def test_shutdown_interrupts_again_when_the_first_time_came_too_early():
    class Deaf(FakeBackend):
        """Hears the third interrupt."""

        def forward(self, plan):
            self.is_computing.set()
            assert self.heard.wait(30)
            self.interrupt_next_forward = True
            super().forward(plan)

        def interrupt(self):
            super().interrupt()
            if self.interrupts == 3:
                self.heard.set()

    backend, events = Deaf(), []
    backend.is_computing, backend.heard = threading.Event(), threading.Event()
    engine = Engine(backend, events.extend)
    engine.start()
    engine.submit(GenerationRequest("a", (1,)))
    assert backend.is_computing.wait(30)
    engine.shutdown(30)
    assert not engine.is_alive
    assert [event.finish_reason for event in events] == ["cancelled"]


def test_a_listener_that_raises_ends_the_engine_and_the_rest_of_the_requests():
    heard = []

    def on_step(events):
        heard.extend(events)
        if len(heard) == 3:
            raise RuntimeError("a bug of the listener")

    engine = Engine(FakeBackend(context_tokens=1000), on_step)
    engine.start()
    engine.submit(GenerationRequest("a", (1,), ignore_eos=True))
    engine._thread.join(30)
    assert not engine.is_alive
    assert [event.is_last for event in heard] == [False, False, False, True]
    assert isinstance(heard[-1].error, NativeError)


def test_a_backend_that_cannot_be_prepared_refuses_everybody():
    class Broken(FakeBackend):
        def prepare(self):
            raise RuntimeError("no context")

    events = []
    engine = Engine(Broken(), events.extend)
    engine.submit(GenerationRequest("a", (1,)))
    engine.start()
    engine._thread.join(30)
    assert isinstance(events[0].error, NotReadyError)
