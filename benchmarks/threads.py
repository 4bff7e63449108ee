"""Threads and their waiting: every fixed choice and labkit's own, on a quiet machine and beside spinning programs.

    python benchmarks/threads.py [--rounds N] [--quick] [--models nano,0.5B,1B]

Tokens per second of the native core in process, no server. Fixed choices are thread counts x libgomp's wait policies;
"default" is what llama.cpp's programs run with. labkit's choice decodes for a second in quiet first and then lives
through the arrival of the spinning programs, within the time that is measured. Start it under taskset to bound the
cores. Bars: quiet, at least 0.9 of the best fixed choice; beside spinning programs, decode at least 5 times that of
all cores with the default policy. Exit code 1 when a bar is missed.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from labkit import __version__
from labkit.engine.core.threads import ladder
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.native.threads import AdaptiveThreads, usable_cores
from labkit.engine.native.waiting import SPIN_TURNS
from options import Options, parse_options

RESULTS = Path(__file__).parent / "results" / "threads.json"
POLICIES = {
    "default": {},
    f"spin {SPIN_TURNS}": {"GOMP_SPINCOUNT": str(SPIN_TURNS)},
    "passive": {"OMP_WAIT_POLICY": "passive"},
}
OURS = "labkit"
# libgomp's own number, said aloud so that labkit does not choose in its place.
LIBGOMP_DEFAULT = "300000"
QUIET_BAR, BUSY_BAR = 0.9, 5.0
CONTEXT_TOKENS, PREFILL_TOKENS = 1024, 128
PHASES = ("decode", "prefill")


@dataclass(frozen=True, slots=True)
class Load:
    """Programs that only spin; pinned to the last core that may be used, or wherever the system puts them."""

    name: str
    num_spinning: int
    pinned: bool = False


LOADS = (Load("quiet", 0), Load("1 pinned", 1, pinned=True), Load("1 free", 1), Load("2 free", 2))


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens per second of one choice; `threads` are labkit's choices at the end, for one token and for many."""

    model: str
    load: str
    policy: str
    threads: tuple[int, ...]
    decode: float
    prefill: float


class Bench:
    """Forwards in one context, in the thread that made it. `run` gives tokens per second."""

    def __init__(self, model: NativeModel, forward: Callable[[int], None], context: NativeContext) -> None:
        self._model, self._forward, self._context = model, forward, context

    def run(self, phase: str, seconds: float) -> float:
        """Decode, or prefill in one size of batch, for `seconds`, at depths up to the context's end."""
        num_tokens = 1 if phase == "decode" else PREFILL_TOKENS
        position, count = CONTEXT_TOKENS, 0
        start = time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds or count < 1:
            if position + num_tokens > CONTEXT_TOKENS:
                self._context.clear()
                position = 0
            batch = self._context.batch
            batch.clear()
            batch.add([1] * num_tokens, position, 0, wants_logits=True)
            self._forward(num_tokens)
            self._context.synchronize()
            position += num_tokens
            count += num_tokens
        return count / elapsed


def child(path: Path, counts: list[int], seconds: float) -> None:
    """Measure one policy in this process: fixed `counts`, or labkit's own choice where there are none."""
    model = NativeModel(path)
    context = NativeContext(model, context_tokens=CONTEXT_TOKENS)
    adaptive = AdaptiveThreads(context, usable_cores())
    bench = Bench(model, adaptive.forward, context)
    if not counts:
        adaptive.prepare()
    for phase in PHASES:
        context.set_threads(counts[0] if counts else context.num_threads, counts[0] if counts else None)
        bench.run(phase, 0.3 if counts else 1.0)
    print("ready", flush=True)
    sys.stdin.readline()
    found: list[tuple[tuple[int, ...], dict[str, float]]] = []
    for count in counts:
        context.set_threads(count)
        found.append(((count,), {phase: bench.run(phase, seconds) for phase in PHASES}))
    if not counts:
        rates = {phase: bench.run(phase, 3 * seconds) for phase in PHASES}
        found.append((adaptive.chosen, rates))
    print(json.dumps(found), flush=True)


def measure(name: str, path: Path, load: Load, policy: str, seconds: float) -> list[Row]:
    """All counts of one policy, or labkit's choice."""
    counts = [] if policy == OURS else list(ladder(usable_cores()))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    if policy != OURS:
        environment |= POLICIES[policy] or {"GOMP_SPINCOUNT": LIBGOMP_DEFAULT}
    words = ("--child", str(path), "--counts", ",".join(map(str, counts)), "--seconds", str(seconds))
    with subprocess.Popen(
        [sys.executable, __file__, *words], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"the measuring process of '{policy}' failed")
        with spinning(load):
            process.stdin.write("\n")
            process.stdin.flush()
            answer = process.stdout.readline()
    return [Row(name, load.name, policy, tuple(threads), **rates) for threads, rates in json.loads(answer)]


@contextmanager
def spinning(load: Load) -> Iterator[None]:
    """The programs of `load`, while the block runs."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(load.num_spinning)]
    try:
        for program in programs:
            if load.pinned and allowed:
                os.sched_setaffinity(program.pid, {allowed[-1]})
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def medians(rounds: list[list[Row]]) -> list[Row]:
    """Each choice's median over the rounds."""
    return [
        Row(
            *(row.model, row.load, row.policy, rows[-1].threads),
            decode=statistics.median(each.decode for each in rows),
            prefill=statistics.median(each.prefill for each in rows),
        )
        for row, *_ in zip(*rounds, strict=True)
        for rows in [[each for one in rounds for each in one if _same_choice(each, row)]]
    ]


def _same_choice(one: Row, other: Row) -> bool:
    return one.policy == other.policy and (one.policy == OURS or one.threads == other.threads)


def judge(rows: list[Row]) -> list[tuple[str, float, bool]]:
    """(what, ratio, whether it passes) for one model and load."""
    ours = next(row for row in rows if row.policy == OURS)
    fixed = [row for row in rows if row.policy != OURS]
    name = f"{ours.model}, {ours.load}"
    if ours.load == "quiet":
        ratios = [(phase, getattr(ours, phase) / max(getattr(row, phase) for row in fixed)) for phase in PHASES]
        return [(f"{name}: {phase} vs the best fixed", ratio, ratio >= QUIET_BAR) for phase, ratio in ratios]
    peer = next(row for row in fixed if row.policy == "default" and row.threads == (usable_cores(),))
    ratio = ours.decode / peer.decode
    return [(f"{name}: decode vs {usable_cores()} threads, default", ratio, ratio >= BUSY_BAR)]


def report(rows: list[Row]) -> None:
    """A table of one model and load."""
    print(f"\n{rows[0].model}, {rows[0].load}\n{'policy':12} {'threads':>8} {'decode t/s':>11} {'prefill t/s':>12}")
    for row in rows:
        threads = "/".join(map(str, row.threads))
        print(f"{row.policy:12} {threads:>8} {row.decode:11.1f} {row.prefill:12.1f}")


def run(options: Options) -> int:
    """Measure, print, write."""
    rows: list[Row] = []
    verdicts: list[tuple[str, float, bool]] = []
    seconds = 0.5 if options.quick else 1.0
    for name, path in options.models:
        for load in LOADS:
            rounds = options.rounds if load.name == "quiet" else 1
            found = medians(
                [
                    [row for policy in (*POLICIES, OURS) for row in measure(name, path, load, policy, seconds)]
                    for _ in range(rounds)
                ]
            )
            report(found)
            rows += found
            verdicts += judge(found)
    print()
    for what, ratio, passes in verdicts:
        print(f"{'PASS' if passes else 'MISS'}  {ratio:7.2f}x  {what}")
    record = {
        "labkit": __version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": f"{platform.machine()}, {usable_cores()} cores used",
        "quick": options.quick,
        "rows": [asdict(row) for row in rows],
        "verdicts": [{"what": what, "ratio": ratio, "passes": passes} for what, ratio, passes in verdicts],
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    return int(not all(passes for *_, passes in verdicts))


def main() -> int:
    """The parent measures; `--child` is one measuring process."""
    if "--child" not in sys.argv:
        return run(parse_options(__doc__, rounds=3, models=("nano", "0.5B", "1B")))
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", type=Path)
    parser.add_argument("--counts", default="")
    parser.add_argument("--seconds", type=float)
    arguments = parser.parse_args()
    counts = [int(count) for count in arguments.counts.split(",") if count]
    child(arguments.child, counts, arguments.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
