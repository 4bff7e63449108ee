"""How many threads native code uses: a start by measuring, then what the controller makes of every forward's time."""

import logging
import os
import statistics
import time
from collections.abc import Callable, Sequence

import psutil

from labkit.engine.core.threads import ThreadController, ladder
from labkit.engine.native import library
from labkit.engine.native.context import NativeContext

logger = logging.getLogger("labkit.engine")

_SECONDS_PER_COUNT = 0.1
_TIMED_RUNS = 5
_PREFILL_TOKENS = 8
_WORTHWHILE = 0.97
"""More threads are taken when their time is at most this share of the time with fewer."""
_LOOK_SECONDS = 1.0
_WARNING_SECONDS = 60.0


def usable_cores() -> int:
    """Physical cores this process may run on; at least 1.

    Physical, because two threads of one core share its floating-point units; bounded by the affinity mask, because
    threads without a core of their own make the others wait at every barrier.
    """
    logical = os.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    return max(1, min(physical, len(_allowed_processors())))


def _allowed_processors() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


class AdaptiveThreads:
    """Runs the forwards of one context with the number of threads that is fastest here and now.

    Everything is called from the one thread that runs the model: OpenMP keeps a pool per calling thread, and with a
    second pool it stops spinning at barriers, which makes a small model many times slower.
    """

    def __init__(self, context: NativeContext, most: int, *, clock: Callable[[], float] = time.perf_counter) -> None:
        """At most `most` threads."""
        self._context = context
        self._counts = ladder(most)
        self._clock = clock
        self._others = OtherPrograms()
        self._looked = self._warn_from = clock()
        self._controller: ThreadController | None = None

    def prepare(self) -> None:
        """Measure where to begin: up to about a second. Empties the context."""
        single, large = measure_best_threads(self._context, self._counts)
        if not library.has_accelerator():  # else a forward may return before its work is done
            self._controller = ThreadController(self._counts, single=single, large=large)
        logger.info("threads: %d for one token, %d for many", single, large)

    def forward(self, num_tokens: int) -> None:
        """Evaluate the `num_tokens` in the context's batch. Raises what NativeContext.forward raises."""
        controller = self._controller
        if controller is None:
            self._context.forward()
            return
        count = controller.count_for(num_tokens)
        if (count, count) != (self._context.num_threads, self._context.num_threads_batch):
            self._context.set_threads(count)
        before = self.chosen
        start = self._clock()
        self._context.forward()
        end = self._clock()
        controller.observe(num_tokens, end - start)
        if end - self._looked > _LOOK_SECONDS:
            self._looked = end
            controller.note_others(self._others.busy_cores())
        if self.chosen != before:
            self._report(before, end)

    def _report(self, before: tuple[int, int], now: float) -> None:
        """Log the change: fewer threads are worth a warning, though not many of them."""
        is_news = sum(self.chosen) < sum(before) and now >= self._warn_from
        if is_news:
            self._warn_from = now + _WARNING_SECONDS
        text = "threads: %d for one token, %d for many (were %d and %d)"
        logger.log(logging.WARNING if is_news else logging.INFO, text, *self.chosen, *before)

    @property
    def chosen(self) -> tuple[int, int]:
        """(threads for one token, threads for many) in use; trials aside. Any thread may ask."""
        if self._controller is None:
            return self._context.num_threads, self._context.num_threads_batch
        return self._controller.chosen("single"), self._controller.chosen("large")


class OtherPrograms:
    """What others take of the cores this process may use, between one look and the next."""

    def __init__(self) -> None:
        self._last = self._read()

    def busy_cores(self) -> float:
        """Cores kept busy by others since the last look (or since the start): 0 to the number of cores."""
        (wall, busy, own), self._last = self._last, self._read()
        seconds = self._last[0] - wall
        if seconds <= 0:
            return 0.0
        return max(0.0, (self._last[1] - busy - (self._last[2] - own)) / seconds)

    def _read(self) -> tuple[float, float, float]:
        """(wall clock, busy seconds of the allowed cores, seconds of this process)."""
        cores = psutil.cpu_times(percpu=True)
        busy = sum(
            sum(cores[core])
            - cores[core].idle
            - getattr(cores[core], "iowait", 0.0)
            - getattr(cores[core], "guest", 0.0)
            for core in _allowed_processors()
            if core < len(cores)
        )
        return time.monotonic(), busy, time.process_time()


def measure_best_threads(context: NativeContext, counts: Sequence[int]) -> tuple[int, int]:
    """(threads for decode, threads for prefill) of `counts` that are fastest here and now.

    A small model is slowed down by every barrier between threads, and on a busy machine one thread without a core
    makes all others wait: both can cost far more than a thread gains. Empties the context and leaves it set to the
    answer.
    """
    decode = _fastest(counts, lambda threads: _time(context, threads, 1))
    prefill = _fastest(counts, lambda threads: _time(context, threads, _PREFILL_TOKENS))
    context.clear()
    context.set_threads(decode, prefill)
    return decode, prefill


def _fastest(counts: Sequence[int], seconds_with: Callable[[int], float]) -> int:
    """Climb the counts while that pays: too few threads are never as bad as too many."""
    best, best_seconds = counts[0], seconds_with(counts[0])
    for more in counts[1:]:
        seconds = seconds_with(more)
        if seconds > best_seconds * _WORTHWHILE:
            break
        best, best_seconds = more, seconds
    return best


def _time(context: NativeContext, threads: int, num_tokens: int) -> float:
    """Median seconds of a forward of `num_tokens`; fewer runs when they are slow."""
    context.set_threads(threads, threads)
    deadline = time.monotonic() + _SECONDS_PER_COUNT
    samples: list[float] = []
    for _ in range(_TIMED_RUNS + 1):
        context.clear()
        start = time.perf_counter()
        context.forward_tokens([0] * num_tokens, 0)
        context.synchronize()
        samples.append(time.perf_counter() - start)
        if time.monotonic() > deadline:
            break
    return statistics.median(samples[1:] or samples)  # the first one also builds the graph
