"""The native core alone: no tokenizer, no sampler, no HTTP. llama-bench's method, so that figures compare.

Per repetition the KV cache is emptied and, for a depth, refilled before the clock starts. A prompt is random token
ids in batches of `n_batch` and one synchronize; generation is single-token forwards, each with a random id,
logits and a synchronize, and no sampling. Warm-up: one whole prompt, one generated token.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from labkit.bench.facts import gather_facts
from labkit.bench.machine import MachineLimits
from labkit.bench.record import BandwidthShare, CoreRecord, CoreTest
from labkit.bench.statistics import mean
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.native.threads import usable_cores
from labkit.errors import InputError


@dataclass(frozen=True, slots=True)
class CoreBench:
    """What to run; defaults are llama-bench's.

    Attributes:
        num_threads: None takes the physical cores this process may use, for both phases.
        gpu_layers: layers on an accelerator; -1 for all.
        limits: what this machine's memory and cache allow.
    """

    tests: tuple[CoreTest, ...] = (CoreTest(512, 0), CoreTest(0, 128))
    repetitions: int = 5
    batch_tokens: int = 2048
    ubatch_tokens: int = 512
    num_threads: int | None = None
    gpu_layers: int = -1
    warm_up: bool = True
    limits: MachineLimits = field(default_factory=MachineLimits)

    def validate(self) -> None:
        """Raise InputError for sizes that cannot be run."""
        if not self.tests or any(test.num_tokens < 1 for test in self.tests):
            raise InputError("there is nothing to measure", hint="give -p and -n, as in: -p 512 -n 128")
        if self.repetitions < 1:
            raise InputError("-r must be at least 1")
        if self.num_threads is not None and not 1 <= self.num_threads <= 512:
            raise InputError("-t must be between 1 and 512")
        if min(self.batch_tokens, self.ubatch_tokens) < 1:
            raise InputError("-b and -ub must be at least 1")


def run_core_bench(
    path: Path, bench: CoreBench, *, on_repetition: Callable[[CoreTest, int], None] = lambda _test, _number: None
) -> Iterator[CoreRecord]:
    """Measure every test, one record each, in order. Blocks while it measures.

    Raises InputError for impossible sizes, ModelLoadError when the model or a context does not load.
    """
    bench.validate()
    model = NativeModel(path, gpu_layers=bench.gpu_layers)
    try:
        for test in bench.tests:
            yield _measure(path, model, bench, test, on_repetition)
    finally:
        model.close()


def _measure(
    path: Path,
    model: NativeModel,
    bench: CoreBench,
    test: CoreTest,
    on_repetition: Callable[[CoreTest, int], None],
) -> CoreRecord:
    threads = bench.num_threads or usable_cores()
    context = NativeContext(
        model,
        context_tokens=test.num_tokens + test.depth,
        batch_tokens=bench.batch_tokens,
        ubatch_tokens=bench.ubatch_tokens,
        num_threads=threads,
    )
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        runner = CoreRunner(model, context)
        if bench.warm_up:
            runner.run(CoreTest(test.num_prompt, min(test.num_generated, 1)))
        samples: list[int] = []
        for number in range(bench.repetitions):
            on_repetition(test, number + 1)
            samples.append(runner.run(test))
    finally:
        context.close()
    facts = gather_facts(
        path,
        model,
        n_batch=bench.batch_tokens,
        n_ubatch=bench.ubatch_tokens,
        n_threads=threads,
        n_gpu_layers=bench.gpu_layers,
    )
    return CoreRecord(facts, test, started, tuple(samples), _bandwidth(model, bench, test, mean(samples) / 1e9))


class CoreRunner:
    """Runs tests in one context. `run` is what is measured, and nothing else."""

    def __init__(self, model: NativeModel, context: NativeContext, *, seed: int = 0) -> None:
        self._model = model
        self._context = context
        self._rng = np.random.default_rng(seed)

    def run(self, test: CoreTest) -> int:
        """One repetition: nanoseconds for the tokens that count."""
        context = self._context
        context.clear()
        if test.depth:
            self._prefill(self._random_tokens(test.depth), 0)
        prompt = self._random_tokens(test.num_prompt)
        generated = self._random_tokens(test.num_generated).tolist()
        start = time.perf_counter_ns()
        if test.num_prompt:
            self._prefill(prompt, test.depth)
        self._decode(generated, test.depth + test.num_prompt)
        return time.perf_counter_ns() - start

    def _prefill(self, tokens: npt.NDArray[np.int32], start: int) -> None:
        context = self._context
        size = context.batch_tokens
        for begin in range(0, len(tokens), size):
            context.forward_tokens(tokens[begin : begin + size], start + begin)
        context.synchronize()

    def _decode(self, tokens: list[int], start: int) -> None:
        context = self._context
        for offset, token in enumerate(tokens):
            context.forward_token(token, start + offset)
            context.synchronize()

    def _random_tokens(self, count: int) -> npt.NDArray[np.int32]:
        tokens = self._rng.integers(0, self._model.vocab_size, count, dtype=np.int32)
        if count and self._model.adds_bos:
            tokens[0] = self._model.bos
        return tokens


def _bandwidth(model: NativeModel, bench: CoreBench, test: CoreTest, seconds: float) -> BandwidthShare:
    """Weights are read once per micro-batch of a prompt and once per generated token; the KV cache is left out.

    At llama-bench's sizes the cache is some percent of the weights, so this is a lower bound of what was moved.
    """
    prompt_passes = -(-test.num_prompt // bench.ubatch_tokens)
    moved = (prompt_passes + test.num_generated) * model.weight_bytes
    cache = bench.limits.cache_bytes
    fits = cache is not None and model.weight_bytes < cache
    return BandwidthShare(moved, moved / seconds, bench.limits.bytes_per_second, fits)
