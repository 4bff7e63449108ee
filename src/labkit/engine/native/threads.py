"""How many threads native code uses."""

import os
import statistics
import time
from collections.abc import Callable

import psutil

from labkit.engine.native.context import NativeContext

_SECONDS_PER_COUNT = 0.2
_TIMED_RUNS = 5
_PREFILL_TOKENS = 8
_WORTHWHILE = 0.97
"""More threads are taken when their time is at most this share of the time with fewer."""


def usable_cores() -> int:
    """Physical cores this process may run on; at least 1.

    Physical, because two threads of one core share its floating-point units; bounded by the affinity mask, because
    threads without a core of their own make the others wait at every barrier.
    """
    logical = os.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    return max(1, min(physical, allowed))


def measure_best_threads(context: NativeContext, cores: int) -> tuple[int, int]:
    """(threads for decode, threads for prefill) that are fastest here and now, at most `cores` each.

    A small model is slowed down by every barrier between threads, and on a busy machine one thread without a core
    makes all others wait: both can cost far more than a thread gains, so it is measured, which takes about a second.
    Empties the context and leaves it set to the answer.
    """
    decode = _fastest(cores, lambda threads: _time(context, threads, 1))
    prefill = _fastest(cores, lambda threads: _time(context, threads, _PREFILL_TOKENS))
    context.clear()
    context.set_threads(decode, prefill)
    return decode, prefill


def _fastest(cores: int, seconds_with: Callable[[int], float]) -> int:
    """Double the count, up to `cores`, while that pays: too few threads are never as bad as too many."""
    best, best_seconds = 1, seconds_with(1)
    while best < cores:
        more = min(best * 2, cores)
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
