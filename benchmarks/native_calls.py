"""What labkit's code around llama.cpp costs: choosing a token, watching for an interrupt, filling a batch.

    python benchmarks/native_calls.py [--rounds N]

1. Microseconds to choose a token out of 151,936 for usual sampling parameters: llama.cpp's own chain over all
   tokens, and labkit's sampler, on the same logits.
2. A decode step of the embedded model with no abort callback, with labkit's, and with one written in Python.
3. What forward() and sample() add to llama_decode, per sequence, at 1, 4 and 8 greedy sequences of the embedded model.

Exit code 1 when a sampler is slower than the native chain or the added cost is above 60 us per sequence.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from labkit.engine.core.plan import BatchPlan, Span
from labkit.engine.core.sequence import Sequence
from labkit.engine.native.backend import NativeBackend
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.native.sampler import SamplerFactory
from labkit.engine.synthetic import SyntheticShape, plan_synthetic, write_synthetic
from labkit.engine.types import EngineConfig, GenerationRequest, SamplingParams
from labkit.resources import embedded_model

SHAPE = SyntheticShape(
    name="vocabulary", architecture="llama", num_layers=1, hidden_size=64, ffn_size=128, num_heads=2, num_kv_heads=2,
    head_dim=32, vocab_size=151_936, context_tokens=512,
)  # fmt: skip
CASES = {
    "temperature 0": SamplingParams(temperature=0),
    "temperature 1": SamplingParams(seed=1),
    "top-p 0.95": SamplingParams(top_p=0.95, seed=1),
    "top-k 20, top-p 0.95, t 0.6": SamplingParams(0.6, 20, 0.95, seed=1),
    "top-k 40, top-p 0.95, min-p 0.05": SamplingParams(0.8, 40, 0.95, 0.05, seed=1),
    "min-p 0.05": SamplingParams(min_p=0.05, seed=1),
    "the same, repetition penalty": SamplingParams(min_p=0.05, repetition_penalty=1.1, seed=1),
}
BAR_MICROSECONDS = 60.0


def microseconds(call: Callable[[], object], rounds: int) -> float:
    """Median of `rounds` calls, after one that warms up."""
    call()
    samples: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        samples.append(time.perf_counter() - start)
    return statistics.median(samples) * 1e6


def plain_chain(params: SamplingParams, vocab_size: int) -> Any:
    """llama.cpp's samplers for the parameters that CASES use, over all tokens."""
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    parts: list[Any] = []
    if params.repetition_penalty != 1:
        parts.append(llama_cpp.llama_sampler_init_penalties(vocab_size, 256, params.repetition_penalty, 0, 0))
    if params.temperature == 0:
        parts.append(llama_cpp.llama_sampler_init_greedy())
    else:
        parts += [llama_cpp.llama_sampler_init_top_k(params.top_k)] if params.top_k else []
        parts += [llama_cpp.llama_sampler_init_top_p(params.top_p, 1)] if params.top_p < 1 else []
        parts += [llama_cpp.llama_sampler_init_min_p(params.min_p, 1)] if params.min_p else []
        parts.append(llama_cpp.llama_sampler_init_temp(params.temperature))
        parts.append(llama_cpp.llama_sampler_init_dist(1))
    for part in parts:
        llama_cpp.llama_sampler_chain_add(chain, part)
    return chain


def compare_samplers(rounds: int) -> bool:
    """Print a row per case; whether none is slower than the native chain."""
    with tempfile.TemporaryDirectory() as folder:
        model = NativeModel(write_synthetic(plan_synthetic(SHAPE, "Q8_0"), Path(folder, "model.gguf")))
        context = NativeContext(model, context_tokens=256)
        context.forward_tokens([1], 0)
        logits = context.logits(0)
        rng = np.random.default_rng(1)
        logits[:] = rng.standard_normal(len(logits)) * 2.5
        logits[rng.integers(0, len(logits), 40)] += np.linspace(6, 12, 40).astype(np.float32)
        factory = SamplerFactory(model, 512)
        print(f"{'choosing a token of 151,936':36} {'llama.cpp':>12} {'labkit':>10}  ratio")
        is_good = True
        for name, params in CASES.items():
            chain, sampler = plain_chain(params, model.vocab_size), factory.make(params)
            sampler.accept_prompt(list(range(200, 400)))
            for token in range(200, 400):
                llama_cpp.llama_sampler_accept(chain, token)
            native = microseconds(lambda chain=chain: llama_cpp.llama_sampler_sample(chain, context.pointer, 0), rounds)
            ours = microseconds(lambda sampler=sampler: sampler.sample(context, 0), rounds)
            is_good &= ours < native
            print(f"{name:36} {native:9.0f} us {ours:7.0f} us {ours / native:6.2f}")
        context.close()
        model.close()
    return is_good


def compare_callbacks(rounds: int) -> None:
    """Print a decode step of the embedded model under each kind of abort callback."""
    model = NativeModel(embedded_model())
    context = NativeContext(model, context_tokens=1024)
    handle: Any = context.pointer
    in_python = llama_cpp.ggml_abort_callback(lambda _data: False)
    nothing: Any = llama_cpp.ggml_abort_callback()
    no_data: Any = None
    installs: dict[str, Callable[[], object]] = {
        "none": lambda: llama_cpp.llama_set_abort_callback(handle, nothing, no_data),
        "labkit's": lambda: context.interrupts.install(handle),
        "in Python": lambda: llama_cpp.llama_set_abort_callback(handle, in_python, no_data),
    }
    samples: dict[str, list[float]] = {name: [] for name in installs}
    for _ in range(rounds):
        for name, install in installs.items():
            install()
            context.clear()
            context.forward_token(1, 0)
            for position in range(1, 4):
                start = time.perf_counter()
                context.forward_token(1, position)
                samples[name].append(time.perf_counter() - start)
    base = statistics.median(samples["none"])
    for name, times in samples.items():
        median = statistics.median(times)
        print(f"decode step, abort callback {name:10} {median * 1e6:9.1f} us {median / base - 1:+8.2%}")
    context.interrupts.install(handle)
    context.close()
    model.close()


def measure_added_cost(num_sequences: int, rounds: int) -> float:
    """Microseconds per sequence that a step takes in forward() and sample() beside llama_decode."""
    config = EngineConfig(context_tokens=4096, num_slots=8, num_threads=1)
    backend = NativeBackend(embedded_model(), config)
    backend.prepare()
    decode, spent = llama_cpp.llama_decode, [0.0]

    def timed_decode(*arguments: Any) -> int:
        start = time.perf_counter()
        code = decode(*arguments)
        spent[0] += time.perf_counter() - start
        return code

    sequences: list[Sequence] = []
    for number in range(num_sequences):
        request = GenerationRequest(str(number), (1, 2, 3), SamplingParams(temperature=0))
        backend.open(request)
        sequences.append(Sequence(request, arrived=0.0, slot=number))
    backend.forward(BatchPlan(tuple(Span(sequence, 0, 3, wants_logits=True) for sequence in sequences)))
    llama_cpp.llama_decode = timed_decode
    samples: list[float] = []
    for step in range(min(rounds * 4, 300)):
        for sequence in sequences:
            sequence.tokens.append(5)
        plan = BatchPlan(tuple(Span(sequence, 3 + step, 1, wants_logits=True) for sequence in sequences))
        spent[0] = 0.0
        start = time.perf_counter()
        backend.forward(plan)
        for span, first in plan.placed():
            backend.sample(span.sequence.request.request_id, first + span.num_tokens - 1)
        samples.append(time.perf_counter() - start - spent[0])
    llama_cpp.llama_decode = decode
    backend.release()
    return statistics.median(samples) * 1e6 / num_sequences


def main() -> int:
    """Print all three."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    is_good = compare_samplers(arguments.rounds)
    compare_callbacks(arguments.rounds * 4)
    for num_sequences in (1, 4, 8):
        cost = measure_added_cost(num_sequences, arguments.rounds)
        is_good &= cost <= BAR_MICROSECONDS
        print(f"forward() and sample() at {num_sequences} sequences: {cost:6.1f} us per sequence beside llama_decode")
    return int(not is_good)


if __name__ == "__main__":
    sys.exit(main())
