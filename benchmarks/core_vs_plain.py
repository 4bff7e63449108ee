"""`labkit bench core` against the plainest loop over llama_decode: what labkit's own code costs.

Both run the same tests on the same model with the same threads, in turn, in one process: labkit's context and
runner, and a bare llama_cpp context with llama_batch_get_one. Printed is the ratio of their rates, pair by pair.

    python benchmarks/core_vs_plain.py [--threads N] [--pairs N] [MODEL.gguf]

Exit code 1 when the median ratio of a test is outside 1 +- 3 %.
"""

import argparse
import ctypes
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import llama_cpp

from labkit.bench.core import CoreRunner
from labkit.bench.record import CoreTest
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.resources import embedded_model

TESTS = (CoreTest(512, 0), CoreTest(0, 128))
BAR = 0.03


class PlainLoop:
    """llama.cpp's own defaults, and nothing between the loop and llama_decode."""

    def __init__(self, model: NativeModel, num_tokens: int, threads: int) -> None:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = num_tokens
        params.n_batch = min(2048, num_tokens)
        params.n_threads = params.n_threads_batch = threads
        self._context: Any = llama_cpp.llama_init_from_model(model.pointer, params)
        self._vocab_size = model.vocab_size
        self._rng = random.Random(0)

    def run(self, test: CoreTest) -> int:
        """Nanoseconds of one repetition."""
        memory: Any = llama_cpp.llama_get_memory(self._context)
        llama_cpp.llama_memory_clear(memory, False)
        tokens = (ctypes.c_int32 * max(test.num_prompt, 1))()
        single = (ctypes.c_int32 * 1)()
        ids = [self._rng.randrange(self._vocab_size) for _ in range(test.num_tokens)]
        tokens[: test.num_prompt] = ids[: test.num_prompt]
        start = time.perf_counter_ns()
        if test.num_prompt:
            llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(tokens, test.num_prompt))
            llama_cpp.llama_synchronize(self._context)
        for token in ids[test.num_prompt :]:
            single[0] = token
            llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(single, 1))
            llama_cpp.llama_synchronize(self._context)
        return time.perf_counter_ns() - start


def compare(model: NativeModel, test: CoreTest, threads: int, pairs: int) -> tuple[float, float, list[float]]:
    """Median rates of labkit and the plain loop (tokens per second), and labkit's share of the other, per pair."""
    ours = CoreRunner(model, NativeContext(model, context_tokens=test.num_tokens, num_threads=threads))
    plain = PlainLoop(model, test.num_tokens, threads)
    for runner in (ours, plain):
        runner.run(test)
    times: dict[str, list[int]] = {"ours": [], "plain": []}
    for number in range(pairs):
        order = [("ours", ours), ("plain", plain)]
        for name, runner in order if number % 2 else reversed(order):
            times[name].append(runner.run(test))
    ratios = [b / a for a, b in zip(times["ours"], times["plain"], strict=True)]
    rate = 1e9 * test.num_tokens
    return rate / statistics.median(times["ours"]), rate / statistics.median(times["plain"]), ratios


def main() -> int:
    """Print a row per test."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, default=embedded_model())
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=40)
    arguments = parser.parse_args()
    model = NativeModel(arguments.model)
    missed = False
    print(f"{'test':8} {'labkit t/s':>12} {'plain t/s':>12} {'median ratio':>13} {'quartiles':>16}")
    for test in TESTS:
        ours, plain, ratios = compare(model, test, arguments.threads, arguments.pairs)
        low, middle, high = statistics.quantiles(ratios, n=4)
        missed |= abs(middle - 1) > BAR
        print(f"{test.name:8} {ours:12.1f} {plain:12.1f} {middle:13.3f} {low:9.3f}-{high:.3f}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
