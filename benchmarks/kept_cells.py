"""What the KV cells of finished requests cost those that run: decode time beside more and more kept cells.

    python benchmarks/kept_cells.py [--rounds N] [--quick] [--models nano,0.5B]

One unified cache, no sharing: the kept sequences are never attended to, and attention walks over them all the same.
"""

import statistics
import time
from pathlib import Path

import numpy as np

from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.native.threads import usable_cores
from options import parse_options

KEPT = (0, 2048, 8192)
STEPS, PROMPT_TOKENS, CHUNK_TOKENS = 24, 64, 512


def main() -> None:
    """Measure every model and print milliseconds per step."""
    options = parse_options(__doc__, rounds=1, models=("nano",))
    for name, path in options.models:
        print(f"{name}: {usable_cores()} threads; median ms of a step, by sequences that decode")
        measure(path)


def measure(path: Path) -> None:
    """One model."""
    model = NativeModel(path)
    context = NativeContext(model, context_tokens=KEPT[-1] + 1024, num_slots=12, num_threads=usable_cores())
    rng = np.random.default_rng(0)
    held = 0
    for slot, kept in enumerate(KEPT, start=9):
        for start in range(0, kept - held, CHUNK_TOKENS):
            context.forward_tokens(rng.integers(0, model.vocab_size, CHUNK_TOKENS, dtype=np.int32), start, slot)
        held = kept
        times = {batch: round(1000 * step_seconds(context, batch), 2) for batch in (1, 8)}
        print(f"  {kept:>6,} cells kept: {times}")
    context.close()
    model.close()


def step_seconds(context: NativeContext, batch: int) -> float:
    """Median seconds of a decode step of `batch` sequences."""
    for slot in range(batch):
        context.forward_tokens(range(PROMPT_TOKENS), 0, slot)
    samples: list[float] = []
    for step in range(STEPS):
        context.batch.clear()
        for slot in range(batch):
            context.batch.add((step,), PROMPT_TOKENS + step, slot, wants_logits=True)
        started = time.perf_counter()
        context.forward()
        samples.append(time.perf_counter() - started)
    for slot in range(batch):
        context.free_cells(slot)
    return statistics.median(samples)


if __name__ == "__main__":
    main()
