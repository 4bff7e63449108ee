"""One greedy stream through the engine's loop against the native core alone: what scheduling and sampling cost.

    python benchmarks/engine_vs_core.py [--pairs N] [--tokens N]

Both decode the embedded model with the threads that the engine has chosen, in turn, each in its own process. Exit
code 1 when the engine's median falls below half of the core's: that happened when its thread had a second OpenMP pool.
"""

import argparse
import json
import statistics
import subprocess
import sys
import threading

from labkit.engine.engine import Engine
from labkit.engine.native.backend import NativeBackend
from labkit.engine.types import EngineConfig, GenerationRequest, SamplingParams, TokenEvent
from labkit.resources import embedded_model

LEAST_SHARE = 0.5


def measure_engine(tokens: int) -> tuple[float, int]:
    """Tokens per second of one stream in this process, and the threads that were chosen. The first stream warms up."""
    backend = NativeBackend(embedded_model(), EngineConfig())
    rates: list[float] = []
    done = threading.Semaphore(0)

    def on_step(events: list[TokenEvent]) -> None:
        for event in events:
            if event.timings:
                rates.append((tokens - 1) / event.timings.decode_seconds)
                done.release()

    engine = Engine(backend, on_step)
    engine.start()
    prompt = tuple(backend.model.tokenize("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"))
    for number in range(2):
        engine.submit(GenerationRequest(str(number), prompt, SamplingParams(temperature=0), tokens, ignore_eos=True))
        done.acquire()
    engine.shutdown()
    return rates[-1], backend.context.num_threads


def main() -> int:
    """Print both medians and the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(measure_engine(arguments.tokens)))
        return 0
    engine_rates: list[float] = []
    core_rates: list[float] = []
    for _ in range(arguments.pairs):
        rate, threads = json.loads(_run(__file__, "--once", "--tokens", str(arguments.tokens)))
        engine_rates.append(rate)
        bench = ("-m", "labkit", "bench", "core", "nano", "-p", "0", "-n", str(arguments.tokens), "-t", str(threads))
        (row,) = json.loads(_run(*bench, "-r", "3", "--json"))
        core_rates.append(row["avg_ts"])
    ratio = statistics.median(engine / core for engine, core in zip(engine_rates, core_rates, strict=True))
    print(f"engine {statistics.median(engine_rates):.0f} t/s, core {statistics.median(core_rates):.0f} t/s", end=", ")
    print(f"median ratio of {arguments.pairs} pairs {ratio:.3f}")
    return int(ratio < LEAST_SHARE)


def _run(*words: str) -> str:
    return subprocess.run([sys.executable, *words], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
