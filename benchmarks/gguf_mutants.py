"""Damaged and hostile model files, thousands of them, through what `labkit pull` does with a file it has fetched.

Each mutant goes to the strict reader, with time and peak memory; what the reader accepts goes to the trial, a process
that may die. Valid controls go the same way and must answer. Mutants are made from seeds: a number is enough to look
at one again.

    python benchmarks/gguf_mutants.py [--count 2000] [--seed 0] [--parallel 2] [--only FAMILY]

Exit code 1 when a bar is missed: no error but our own, no valid file refused.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fakes.gguf_mutants import FAMILIES, Mutant, make_mutant
from fakes.gguf_mutants.controls import controls
from labkit.errors import InvalidModelFileError
from labkit.gguf import file_facts, read_header, validate
from labkit.pull import try_model
from paired import machine_facts

RESULTS = Path(__file__).parent / "results" / "gguf_mutants.json"
MEGABYTE = 1 << 20
OUTCOMES = ("reader", "crash", "error", "time", "answered", "OUR ERROR")
BAR_SECONDS_PER_MB = 0.5
BAR_MB_PER_MB = 64
_reading = threading.Lock()  # times and peaks of one reader at a time; trials run beside it


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one file.

    Attributes:
        outcome: refused by the "reader"; in the trial a native "crash", an "error", a "time" limit; "answered"; or
            "OUR ERROR": something that is no refusal, a fault of labkit.
        reader_seconds, reader_peak_bytes: of the strict reader, all parts together.
        header_bytes: read by it, as far as it came; the size of the files where it refused them.
    """

    seed: int
    family: str
    kind: str
    base: str
    outcome: str
    reason: str
    reader_seconds: float
    reader_peak_bytes: int
    header_bytes: int


def judge(make: Callable[[], Mutant], folder: Path) -> Verdict:
    """Write a mutant's files into `folder`, and give them to the reader and the trial."""
    with _reading:
        mutant = make()
        paths = [folder / name for name in mutant.files]
        for path, content in zip(paths, mutant.files.values(), strict=True):
            path.write_bytes(content)
        outcome, reason, seconds, size = _read(paths)
        peak = _peak_bytes(paths)
    if not outcome:
        outcome, reason = _try(paths[0])
    return Verdict(mutant.seed, mutant.family, mutant.kind, mutant.base, outcome, reason, seconds, peak, size)


def _read(paths: list[Path]) -> tuple[str, str, float, int]:
    started, size = time.perf_counter(), sum(path.stat().st_size for path in paths)
    try:
        headers = [validate(path) if path == paths[0] else read_header(path) for path in paths]
        file_facts(headers[0])
    except InvalidModelFileError as error:
        return "reader", error.message, time.perf_counter() - started, size
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what this looks for
        return "OUR ERROR", f"{type(error).__name__}: {error}"[:300], time.perf_counter() - started, size
    return "", "", time.perf_counter() - started, sum(header.data_offset for header in headers)


def _peak_bytes(paths: list[Path]) -> int:
    """Once more, with every allocation counted: too slow to be timed."""
    tracemalloc.start()
    try:
        _read(paths)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _try(path: Path) -> tuple[str, str]:
    result = try_model(path)
    if not result.problem:
        return "answered", ""
    said = result.problem
    kind = "crash" if "crashed" in said else "time" if "within" in said else "error"
    return kind, said


def run(makers: Iterable[Callable[[], Mutant]], parallel: int) -> list[Verdict]:
    """Judge what each of `makers` makes. Readers run one at a time (they are timed), trials beside each other."""
    verdicts: list[Verdict] = []
    with ThreadPoolExecutor(parallel) as pool:
        try:
            for verdict in pool.map(_in_own_folder, makers):
                verdicts.append(verdict)
                _tell(verdict)
        except KeyboardInterrupt:
            print(f"stopped after {len(verdicts)}")
            pool.shutdown(cancel_futures=True)
    return verdicts


def _tell(verdict: Verdict) -> None:
    """Print what somebody should look at."""
    is_refused_control = verdict.family == "control" and verdict.outcome != "answered"
    if is_refused_control or verdict.outcome in ("crash", "OUR ERROR"):
        who = f"{verdict.seed} {verdict.family}/{verdict.kind} of {verdict.base}"
        print(f"{who}: {verdict.outcome}: {verdict.reason}", flush=True)


def main() -> None:
    """Run all, print the table and the bars."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--only", choices=tuple(FAMILIES), help="of one family")
    arguments = parser.parse_args()
    started = time.monotonic()
    valid = run([partial(lambda control: control, control) for control in controls()], arguments.parallel)
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    verdicts = run([partial(make_mutant, seed, family=arguments.only) for seed in seeds], arguments.parallel)
    print_table(verdicts)
    bars = measure_bars(verdicts, valid)
    for name, (value, holds) in bars.items():
        print(f"{name:<60}{value:>14}  {'ok' if holds else 'MISSED'}")
    print(f"{time.monotonic() - started:.0f} s")
    document = {
        "machine": machine_facts(), "count": len(verdicts), "seed": arguments.seed,
        "bars": {name: {"value": value, "holds": holds} for name, (value, holds) in bars.items()},
        "controls": [asdict(verdict) for verdict in valid], "mutants": [asdict(verdict) for verdict in verdicts],
    }  # fmt: skip
    if arguments.only is None:
        RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if all(holds for _, holds in bars.values()) else 1)


def print_table(verdicts: list[Verdict]) -> None:
    """Outcomes by family."""
    print(f"{'family':<18}{'files':>7}" + "".join(f"{outcome:>11}" for outcome in OUTCOMES))
    for family in (*FAMILIES, "all"):
        of_family = [verdict for verdict in verdicts if family in (verdict.family, "all")]
        counts = Counter(verdict.outcome for verdict in of_family)
        print(f"{family:<18}{len(of_family):>7}" + "".join(f"{counts[outcome]:>11}" for outcome in OUTCOMES))


def measure_bars(verdicts: list[Verdict], valid: list[Verdict]) -> dict[str, tuple[str, bool]]:
    """Each bar with its value and whether it holds."""
    ours = sum(verdict.outcome == "OUR ERROR" for verdict in verdicts)
    refused = sum(verdict.outcome != "answered" for verdict in valid)
    per_mb = max(verdict.reader_seconds / max(verdict.header_bytes / MEGABYTE, 1) for verdict in verdicts)
    memory = max(verdict.reader_peak_bytes / max(verdict.header_bytes, MEGABYTE) for verdict in verdicts)
    return {
        "crashes or foreign errors in the user's process": (str(ours), ours == 0),
        f"valid files refused (of {len(valid)})": (str(refused), refused == 0),
        "reader, worst seconds per MB (at least 1 MB)": (f"{per_mb:.3f}", per_mb < BAR_SECONDS_PER_MB),
        "reader, worst peak MB per MB (at least 1 MB)": (f"{memory:.1f}", memory < BAR_MB_PER_MB),
    }


def _in_own_folder(make: Callable[[], Mutant]) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="labkit-mutants-") as folder:
        return judge(make, Path(folder))


if __name__ == "__main__":
    main()
