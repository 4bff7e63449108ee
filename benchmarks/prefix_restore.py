"""A saved prefix against computing it again: seconds to have N KV cells back from host memory, from disk, by prefill.

    python benchmarks/prefix_restore.py [--rounds N] [--quick] [--models nano,0.5B]

Restoring is everything that a request waits for: lookup, reading, checking the checksum, and llama.cpp's copy into its
cache. The disk tier is opened anew for each round, as after a restart, and its file is dropped from the system's page
cache first where the system allows. Afterwards the next token's logits must be those of the computed cells.
"""

import os
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np

from cores import divide_cores
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.tiers import Identity, PrefixTiers, model_digest
from labkit.units import MIB
from options import parse_options
from paired import Bar, Report, rounds

CELLS = (128, 512, 2048)
QUICK_CELLS = (128, 512)
BUDGET_BYTES = 1 << 30
MOST_LOGIT_DIFFERENCE = 1e-3
SIDES = ("prefill", "host", "disk")


class Bench:
    """One model in one context, with states of its own."""

    def __init__(self, path: Path, num_threads: int, folder: Path, most_cells: int) -> None:
        self.model = NativeModel(path)
        self.context = NativeContext(
            self.model, context_tokens=most_cells + 64, num_threads=num_threads, num_threads_batch=num_threads
        )
        self.identity = Identity(model_digest(path), "benchmark")
        self.folder = folder
        self.tokens = list(np.random.default_rng(0).integers(10, self.model.vocab_size - 300, most_cells + 1).tolist())

    def close(self) -> None:
        """Free the native memory."""
        self.context.close()
        self.model.close()

    def prefill(self, num_cells: int) -> float:
        """Compute the cells in batches; seconds."""
        self.context.clear()
        started = time.perf_counter()
        for start in range(0, num_cells, self.context.batch_tokens):
            self.context.forward_tokens(self.tokens[start : min(start + self.context.batch_tokens, num_cells)], start)
        self.context.synchronize()
        return time.perf_counter() - started

    def restore(self, tiers: PrefixTiers, num_cells: int) -> float:
        """Find, load and copy in; seconds."""
        self.context.clear()
        started = time.perf_counter()
        stored = tiers.find(self.identity, self.tokens[:num_cells])
        state = tiers.load(stored) if stored else None
        if state is None or not self.context.cells.load(0, state):
            raise RuntimeError(f"{num_cells} cells could not be restored")
        return time.perf_counter() - started

    def next_logits(self, num_cells: int) -> np.ndarray:
        """Logits of the token after the first `num_cells`."""
        self.context.forward_token(self.tokens[num_cells], num_cells)
        return self.context.logits(0).copy()

    def tiers(self, *, host: bool) -> PrefixTiers:
        """Both tiers on the benchmark's folder, or the disk's alone."""
        return PrefixTiers(host_bytes=BUDGET_BYTES if host else 0, disk_bytes=BUDGET_BYTES, folder=self.folder)


def main() -> None:
    """Measure every model, print, write results."""
    options = parse_options(__doc__, rounds=5, models=("nano", "0.5B"), quick_rounds=2)
    threads = divide_cores().num_threads
    report = Report("prefix_restore", "KV cells back from a tier, over computing them again", options.quick)
    report.settings |= {"threads": threads, "page cache dropped": hasattr(os, "posix_fadvise")}
    for name, path in options.models:
        for num_cells in QUICK_CELLS if options.quick else CELLS:
            with tempfile.TemporaryDirectory() as folder:
                bench = Bench(path, threads, Path(folder) / "states", num_cells)
                try:
                    if num_cells < bench.model.trained_context_tokens:
                        measure(report, bench, f"{name}, {num_cells} cells", num_cells, options.rounds)
                finally:
                    bench.close()
    report.finish()


def measure(report: Report, bench: Bench, work: str, num_cells: int, num_rounds: int) -> None:
    """One model at one length."""
    bench.prefill(num_cells)
    state = bench.context.cells.save(0)
    expected = bench.next_logits(num_cells)
    host = bench.tiers(host=True)
    host.save(bench.identity, bench.tokens[:num_cells], state)
    host.close(60)
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    difference = 0.0
    for _, side in rounds(num_rounds, SIDES):
        if side == "prefill":
            seconds[side].append(bench.prefill(num_cells))
            continue
        if side == "host":
            seconds[side].append(bench.restore(host, num_cells))
        else:
            _drop_from_page_cache(bench.folder)
            tiers = bench.tiers(host=False)
            seconds[side].append(bench.restore(tiers, num_cells))
            tiers.close()
        difference = max(difference, float(np.abs(bench.next_logits(num_cells) - expected).max()))
    for side in ("host", "disk"):
        report.compare(f"{work}, {side}", "s", "prefill", seconds[side], seconds["prefill"], Bar("<=", 0.25))
    same = f"logits of the next token differ by {difference:.2g} at most"
    report.require(work, same, difference <= MOST_LOGIT_DIFFERENCE)
    report.note(f"{work}: {_size_and_compression(state, num_cells)}")


def _size_and_compression(state: bytes, num_cells: int) -> str:
    started = time.perf_counter()
    packed = len(zlib.compress(state, 1))
    seconds = time.perf_counter() - started
    rate = len(state) / MIB / seconds
    return (
        f"{len(state) / MIB:.1f} MiB, {len(state) / num_cells / 1024:.1f} KiB per cell; "
        f"zlib level 1 leaves {packed / len(state):.0%} at {rate:.0f} MiB/s"
    )


def _drop_from_page_cache(folder: Path) -> None:
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


if __name__ == "__main__":
    main()
