"""Who goes first, how much at a time, and what is lost when something fails: the loop over a backend with books."""

import threading
from pathlib import Path

import pytest

from fakes.desk import Desk
from fakes.proposals import FixedProposals, GuessingProposals
from labkit.engine.pacing import MIN_CHUNK_TOKENS
from labkit.engine.types import AdapterUse, GenerationRequest
from labkit.errors import ForwardError, InvalidRequestError, QueueFullError

LONG = range(1, 41)
BIG = {"context_tokens": 2000, "num_slots": 16, "max_running": 8, "batch_tokens": 64}


def count_up(last, count):
    return "".join(f"{last + n} " for n in range(1, count + 1))


# Failures


@pytest.mark.parametrize("memory", ["attention", "window", "recurrent", "lost window"])
def test_an_interrupted_forward_loses_nothing(memory):
    desk = Desk(**{**BIG, "batch_tokens": 32}, forks_anywhere=memory == "attention", can_rewind=memory != "recurrent")
    desk.submit("a", range(1001, 1011), max_tokens=12)
    for _ in range(3):
        desk.engine.step()
    desk.submit("b", range(2001, 2081), max_tokens=3)
    desk.engine.step()
    for _ in range(2):
        desk.backend.interrupt_next_forward = True
        desk.backend.lose_next_window = memory == "lost window"
        desk.engine.step()
        desk.engine.step()
    assert not desk.backend.lose_next_window
    desk.run()
    assert desk.text("a") == count_up(1010, 12)
    assert desk.text("b") == count_up(2080, 3)
    assert desk.engine.stats().counters.interruptions == 2


def test_a_draft_that_cannot_be_taken_back_costs_a_second_computation():
    desk = Desk(**BIG, proposals=FixedProposals(1, 2, 9))
    desk.submit("a", LONG, max_tokens=9)
    desk.engine.step()
    desk.backend.lose_next_window = True
    desk.run()
    assert not desk.backend.lose_next_window
    assert desk.text("a") == count_up(40, 9)


@pytest.mark.parametrize("memory", ["attention", "recurrent"])
def test_of_a_batch_that_fails_only_the_one_to_blame_ends(memory):
    attention = memory == "attention"
    desk = Desk(**BIG, forks_anywhere=attention, can_rewind=attention)
    for number, name in enumerate("abcd"):
        desk.submit(name, [1000 * number + 1], max_tokens=8)
    desk.engine.step()
    desk.backend.poisoned.add("c")
    desk.run()
    assert isinstance(desk.last("c").error, ForwardError)
    for number, name in ((0, "a"), (1, "b"), (3, "d")):
        assert desk.text(name) == count_up(1000 * number + 1, 8)
    assert desk.engine.stats().counters.failed == 1


def test_a_forward_that_fails_once_ends_nobody_of_several():
    desk = Desk(**BIG)
    desk.submit("a", [1], max_tokens=8)
    desk.submit("b", [101], max_tokens=8)
    desk.engine.step()
    desk.backend.fail_next_forward = True
    desk.run()
    assert (desk.text("a"), desk.text("b")) == (count_up(1, 8), count_up(101, 8))
    together = [len(plan.spans) for plan in desk.backend.plans]
    assert together == [2, 1, 1, 2, 2, 2, 2, 2, 2]


def test_one_that_cannot_be_sampled_ends_alone():
    desk = Desk(**BIG)
    desk.submit("a", LONG, max_tokens=8)
    desk.submit("b", [101], max_tokens=8)
    desk.engine.step()
    desk.backend.speechless.add("a")
    desk.run()
    assert isinstance(desk.last("a").error, InvalidRequestError)
    assert desk.text("b") == count_up(101, 8)
    assert desk.engine.stats().cached_slots == 0


def test_text_that_was_held_back_comes_with_a_cancel():
    desk = Desk()
    desk.submit("a", [1], max_tokens=9, stop=("3 9",))
    for _ in range(2):
        desk.engine.step()
    assert desk.text("a") == "2 "
    desk.engine.cancel("a")
    desk.run()
    assert desk.text("a") == "2 3 "


def test_a_long_prompt_is_worth_interrupting_a_short_one_is_not():
    desk = Desk(**{**BIG, "batch_tokens": 512})
    asked = []
    loop = desk.engine._loop
    forward = desk.backend.forward

    def ask(plan):
        asked.append({name for name in "ab" if loop.is_worth_interrupting(name)})
        forward(plan)

    desk.backend.forward = ask
    desk.backend.seconds = lambda tokens: tokens / 1000
    desk.submit("a", LONG, max_tokens=4)
    for _ in range(3):
        desk.engine.step()
    desk.submit("b", range(1001, 1501), max_tokens=2)
    desk.run()
    assert asked[:4] == [{"a"}, set(), set(), {"b"}]
    assert not loop.is_worth_interrupting("b")


def test_a_recurrent_prompt_beside_others_is_not_worth_what_they_would_lose():
    desk = Desk(**BIG, forks_anywhere=False, can_rewind=False)
    asked = []
    forward = desk.backend.forward

    def ask(plan):
        asked.append(desk.engine._loop.is_worth_interrupting("b"))
        forward(plan)

    desk.backend.forward = ask
    desk.backend.seconds = lambda tokens: 1.0
    desk.submit("b", range(1001, 1031), max_tokens=3)
    desk.engine.step()
    desk.submit("a", [1], max_tokens=5)
    desk.run()
    assert asked[0]
    assert not any(asked[1:])


# Waiting


def test_who_waits_too_long_is_told_so_and_who_ran_is_not():
    desk = Desk(num_slots=1, max_wait_seconds=5.0)
    desk.submit("a", [1], max_tokens=9)
    desk.submit("b", [101], max_tokens=9)
    desk.engine.step()
    desk.now = 5.0
    desk.engine.step()
    assert not any(event.is_last for event in desk.events)
    desk.now = 5.1
    loop = desk.engine._loop
    loop._apply(loop._scheduler.preempt(loop._scheduler.running[0]))
    desk.run()
    error = desk.last("b").error
    assert isinstance(error, QueueFullError)
    assert "5 seconds" in str(error)
    assert error.retry_after_seconds == 1
    assert desk.text("a") == count_up(1, 9)


def test_a_burst_fills_the_free_slots_before_it_counts_as_waiting():
    desk = Desk(num_slots=3, max_waiting=1)
    desk.burst("abcde", [1], max_tokens=2)
    desk.run()
    refused = [name for name in "abcde" if desk.last(name).error]
    assert refused == ["e"]


def test_the_time_to_come_back_follows_the_pace_of_the_last_requests():
    desk = Desk(num_slots=1, max_waiting=0)
    desk.backend.seconds = lambda tokens: 10.0
    for number in range(20):
        desk.submit(str(number), [1], max_tokens=2)
        desk.run()
    desk.submit("a", [1], max_tokens=2)
    desk.engine.step()
    desk.submit("b", [1])
    desk.engine.step()
    assert desk.last("b").error.retry_after_seconds == pytest.approx(20, abs=1)


def test_lanes_are_admitted_best_first():
    desk = Desk(num_slots=1)
    desk.submit("first", [1], max_tokens=2)
    desk.engine.step()
    for lane in ("batch", "normal", "interactive"):
        desk.submit(lane, [1], max_tokens=2, lane=lane)
    desk.run()
    order = [event.request_id for event in desk.events if event.is_last]
    assert order == ["first", "interactive", "normal", "batch"]


def test_the_batch_lane_is_preempted_first():
    desk = Desk(context_tokens=48, num_slots=3, batch_tokens=32)
    for number, lane in enumerate(("batch", "normal", "interactive")):
        desk.submit(lane, range(1000 * number + 1, 1000 * number + 9), max_tokens=4, lane=lane)
    desk.engine.step()
    for sequence in desk.engine._loop._scheduler.running:  # as if no one had known how long they get
        object.__setattr__(sequence.request, "max_tokens", 18)
    desk.run()
    starts = [sum(start == 0 for start, _, _ in desk.spans(lane)) for lane in ("batch", "normal", "interactive")]
    assert starts[0] > 1
    assert starts[2] == 1
    assert sum(starts) == 3 + desk.engine.stats().counters.preemptions
    for number, lane in enumerate(("batch", "normal", "interactive")):
        assert desk.text(lane) == count_up(1000 * number + 8, 18)


def test_a_leader_counts_as_of_the_best_lane_that_waits_for_it():
    desk = Desk(**{**BIG, "batch_tokens": 16})
    desk.submit("leader", range(1, 101), max_tokens=1, lane="batch")
    desk.engine.step()
    desk.submit("other", range(1001, 1065), max_tokens=1)
    desk.submit("follower", [*range(1, 101), 500], max_tokens=1, lane="interactive")
    desk.run()
    order = [event.request_id for event in desk.events if event.is_last]
    assert order.index("follower") < order.index("other")
    assert desk.last("follower").usage.cached_tokens == 100


# The size of prompt chunks


@pytest.mark.parametrize(("target", "expected"), [(0.2, 200), (0.5, 500), (0.01, MIN_CHUNK_TOKENS + 1)])
def test_chunks_beside_running_streams_take_the_time_that_was_asked_for(target, expected):
    desk = Desk(context_tokens=20_000, num_slots=4, batch_tokens=1024, itl_target_seconds=target)
    desk.backend.seconds = lambda tokens: tokens / 1000
    desk.submit("stream", [1], max_tokens=2000, ignore_eos=True)
    desk.submit("warm", range(100_001, 105_001), max_tokens=1)
    for _ in range(60):
        desk.engine.step()
    desk.submit("b", range(200_001, 206_001), max_tokens=1)
    desk.engine.step()
    assert desk.backend.batch_sizes[-1] == pytest.approx(expected, rel=0.1)


def test_a_prompt_alone_takes_the_whole_forward():
    desk = Desk(context_tokens=2000, batch_tokens=512, itl_target_seconds=0.01)
    desk.backend.seconds = lambda tokens: tokens / 1000
    desk.submit("a", range(1, 1500), max_tokens=1, ignore_eos=True)
    desk.run()
    assert desk.backend.batch_sizes == [512, 512, 475]


# Log-probabilities, audits, counters


def test_log_probabilities_come_where_they_were_asked_for():
    desk = Desk(proposals=GuessingProposals())
    desk.submit("a", [1], max_tokens=12, logprobs=2)
    desk.run()
    events = [event for event in desk.events if event.tokens]
    assert any(len(event.tokens) > 1 for event in events)
    assert all(tuple(each.token for each in event.logprobs) == event.tokens for event in events)


@pytest.mark.parametrize(("noise", "failures"), [(0.0, 0), (5.0, 1)])
def test_a_hit_is_audited_behind_the_scenes(noise, failures):
    desk = Desk(**BIG, audit_share=1.0)
    desk.submit("a", LONG, max_tokens=2)
    desk.run()
    assert desk.engine.stats().counters.audited == 0
    desk.submit("b", LONG, max_tokens=2)
    desk.engine.step()
    desk.backend.noise = noise
    desk.run()
    counters = desk.engine.stats().counters
    assert (counters.audited, counters.audit_failures) == (1, failures)
    assert (counters.finished, counters.failed, counters.device_hits) == (2, 0, 1)
    assert {event.request_id for event in desk.events} == {"a", "b"}
    assert desk.spans("audit:b") == [(0, 40, ())]


def test_an_audit_that_waits_survives_a_second_hit_of_the_same_name():
    desk = Desk(context_tokens=400, num_slots=3, max_running=1, batch_tokens=64, audit_share=1.0)
    desk.submit("a", LONG, max_tokens=2)
    desk.run()
    for _ in range(3):  # the shadow is of the batch lane: they overtake it
        desk.submit("b", LONG, max_tokens=1)
        desk.submit("c", range(1001, 1004), max_tokens=1)
        desk.engine.step()
    desk.run()
    assert desk.engine.stats().counters.audit_failures == 0
    assert sum(event.is_last for event in desk.events) == 7


def test_a_snapshot_of_the_counters_does_not_move():
    desk = Desk()
    desk.submit("a", [1], max_tokens=5)
    desk.engine.step()
    before = desk.engine.stats()
    desk.engine.step()
    assert before.counters.generated_tokens == 1
    assert desk.engine.stats().counters.generated_tokens == 2


def test_counters_add_up():
    desk = Desk(**BIG, proposals=GuessingProposals())
    desk.burst("abc", LONG, max_tokens=10)
    desk.run()
    counters = desk.engine.stats().counters
    lasts = [desk.last(name).usage for name in "abc"]
    assert counters.finished == 3
    assert counters.num_steps == len(desk.backend.plans)
    assert counters.prompt_tokens == 120
    assert counters.cached_tokens == sum(usage.cached_tokens for usage in lasts) == 78
    assert counters.device_hits == 2
    assert counters.generated_tokens == 30
    assert counters.drafted_tokens == sum(usage.drafted_tokens for usage in lasts) > 0
    assert counters.accepted_tokens == sum(usage.accepted_tokens for usage in lasts) > 0


def test_times_of_a_request():
    desk = Desk(num_slots=1)
    desk.backend.seconds = lambda tokens: 1.0
    desk.submit("a", [1], max_tokens=3)
    desk.engine.step()
    desk.submit("b", [1], max_tokens=2)
    desk.run()
    timings = desk.last("b").timings
    assert (timings.queue_seconds, timings.prefill_seconds, timings.decode_seconds) == (2.0, 1.0, 1.0)


# Other threads


def test_any_thread_may_ask_for_stats_while_the_loop_runs():
    desk = Desk(**{**BIG, "batch_tokens": 16}, proposals=GuessingProposals())
    over, errors, seen = threading.Event(), [], []

    def ask():
        while not over.is_set():
            try:
                stats = desk.engine.stats()
                seen.append(stats.num_running)
                if not (stats.running_cells >= 0 and stats.cached_cells >= 0 and stats.num_running <= 8):
                    errors.append(stats)
            except Exception as error:
                errors.append(error)
                raise

    thread = threading.Thread(target=ask)
    thread.start()
    for number in range(120):
        desk.submit(str(number), [*LONG, 1000 * number + 500], max_tokens=5)
        if number % 20 == 19:
            desk.run(2000)
    over.set()
    thread.join()
    assert not errors
    assert max(seen) > 0


def test_an_adapter_is_loaded_while_requests_run(tmp_path):
    desk = Desk(**BIG)
    desk.engine._loop._backend.load_adapter("new", Path("new"))
    desk.engine.submit(GenerationRequest("a", (1,), max_tokens=2, adapters=(AdapterUse("new"),)))
    desk.run()
    assert desk.text("a") == "2 3 "
