"""Holds the memory estimator against the installed native core's own sizing of sparse files, row by row.

    python benchmarks/estimator_live.py [--shapes NAME ...] [--save | --saved]

The files have the header of a real model and no data, so a 400 GB model takes no disk. `estimator_golden.py` does the
same with rows that are kept; this one makes its rows here, for every kind of memory: slots 1, 4 and 8, shared and
split, micro-batches of 128 to 2048, 4k to 128k of context, several types of K and V, with flash attention and without.
"""

import argparse
import importlib.metadata
import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from labkit.engine.synthetic import plan_synthetic, write_sparse
from labkit.errors import NativeError
from labkit.estimate import ContextSettings, cache_bytes, compute_bytes
from labkit.estimate.native import NativeSize, size_natively
from labkit.gguf import file_facts, read_header
from labkit.units import MIB
from synthetic_models import SHAPES

Q8_ONLY = {"mamba2-2.7b"}
RESULT = Path(__file__).parent / "results" / "estimator_live.json"
Kept = dict[str, list[tuple[ContextSettings, tuple[int, int]]]]


@dataclass(frozen=True, slots=True)
class LiveRow:
    """One configuration: llama.cpp's bytes and ours."""

    model: str
    context: ContextSettings
    cache: int
    compute: int
    our_cache: int
    our_compute: int

    @property
    def slack(self) -> float:
        """How far the bound lies over llama.cpp's compute buffer; negative is under."""
        return self.our_compute / self.compute - 1


def contexts() -> Iterator[ContextSettings]:
    """The configurations: one axis after the other, and the corners where they meet."""
    axes = itertools.product(
        (4096, 32768, 131072), ((1, True), (4, True), (4, False), (8, True), (8, False)), (True, False)
    )
    for tokens, (slots, unified), flash in axes:
        for outputs in (None, slots):
            yield ContextSettings(tokens, slots, flash_attention=flash, unified=unified, num_outputs=outputs)
    for tokens, ubatch, flash in itertools.product((8192, 65536), (128, 256, 1024, 2048), (True, False)):
        yield ContextSettings(tokens, 1, ubatch, flash)
        yield ContextSettings(tokens, 4, ubatch, flash, unified=False, num_outputs=8)
    for keys, values in (
        ("q8_0", "q8_0"),
        ("q4_0", "q4_0"),
        ("q5_1", "q5_1"),
        ("q8_0", "f16"),
        ("f16", "q4_1"),
        ("q8_0", "q5_0"),
    ):
        for slots, unified in ((1, True), (8, False)):
            yield ContextSettings(16384, slots, kv_type=keys, value_type=values, unified=unified)  # pyright: ignore[reportArgumentType]
    for slots, unified in ((1, True), (4, True), (4, False)):
        yield ContextSettings(16384, slots, full_window_cache=True, unified=unified)
    yield ContextSettings(5000, 3, 300, unified=False)
    yield ContextSettings(131072, 8, 2048, num_outputs=8)


def rows_of(name: str, folder: Path, kept: Kept | None) -> list[LiveRow]:
    """Every configuration of one shape, sized now or as it was kept."""
    path = write_sparse(plan_synthetic(SHAPES[name], "Q8_0" if name in Q8_ONLY else "Q4_K_M"), folder / f"{name}.gguf")
    shape = file_facts(read_header(path)).architecture
    found = _now(name, path) if kept is None else kept.get(name, [])
    path.unlink()
    return [
        LiveRow(name, context, *theirs, cache_bytes(shape.layers or (), context), compute_bytes(shape, context) or 0)
        for context, theirs in found
    ]


def _now(name: str, path: Path) -> list[tuple[ContextSettings, tuple[int, int]]]:
    wanted, found = list(contexts()), []
    for context, size in zip(wanted, _sizes(path, wanted), strict=True):
        if size is None:
            print(f"  {name}: llama.cpp refuses {context}", file=sys.stderr)
            continue
        found.append((context, (size.total.context_bytes, size.total.compute_bytes)))
    return found


def load_kept(path: Path = RESULT) -> Kept:
    """llama.cpp's bytes of cache and compute buffer, by model, as an earlier run kept them."""
    document = json.loads(path.read_text(encoding="utf-8"))
    kept: Kept = {}
    for model, rows in document["rows"].items():
        settings = [dict(zip(document["columns"], row, strict=True)) for row in rows]
        kept[model] = [
            (
                ContextSettings(**{key: value for key, value in row.items() if key not in {"cache", "compute"}}),
                (row["cache"], row["compute"]),
            )
            for row in settings
        ]
    return kept


def _sizes(path: Path, wanted: list[ContextSettings]) -> list[NativeSize | None]:
    """One answer for each; None where llama.cpp refuses, or dies of it."""
    try:
        return list(size_natively(path, wanted))
    except NativeError:
        if len(wanted) == 1:
            return [None]
        half = len(wanted) // 2
        return _sizes(path, wanted[:half]) + _sizes(path, wanted[half:])


def report(name: str, rows: list[LiveRow]) -> bool:
    """Print one line for a shape, and each row that misses. True when none does."""
    wrong = [row for row in rows if row.cache != row.our_cache]
    under = [row for row in rows if row.slack < 0]
    slacks = sorted(row.slack for row in rows)
    print(
        f"{name:26} {len(rows):4} rows  cache exact {len(rows) - len(wrong):4}  compute under {len(under):3}  "
        f"over: median {statistics.median(slacks):5.0%}, worst {slacks[-1]:5.0%}",
        flush=True,
    )
    for row in wrong[:4]:
        print(f"    cache {(row.our_cache - row.cache) / MIB:+.3f} of {row.cache / MIB:.2f} MiB: {row.context}")
    for row in sorted(under, key=lambda row: row.slack)[:4]:
        print(f"    compute {row.slack:+.1%} of {row.compute / MIB:.1f} MiB: {row.context}")
    return not wrong and not under


def main() -> int:
    """Print the table; 1 when a cache is off or a bound is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--save", action="store_true", help=f"write {RESULT.name}")
    parser.add_argument("--saved", action="store_true", help=f"judge the formulas by {RESULT.name}, size nothing")
    arguments = parser.parse_args()
    rows: list[LiveRow] = []
    good = True
    kept = load_kept() if arguments.saved else None
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.shapes:
            found = rows_of(name, Path(folder), kept)
            good &= report(name, found)
            rows += found
    slacks = sorted(row.slack for row in rows)
    exact = sum(row.cache == row.our_cache for row in rows)
    print(
        f"all: {len(rows)} rows over {len(arguments.shapes)} shapes, cache exact {exact}, compute under "
        f"{sum(slack < 0 for slack in slacks)}, over: median {statistics.median(slacks):.0%}, worst {slacks[-1]:.0%}"
    )
    if arguments.save:
        save(rows)
    return 0 if good else 1


def save(rows: list[LiveRow]) -> None:
    """Keep what llama.cpp said, one row a line."""
    columns = [field.name for field in fields(ContextSettings)]
    lines = []
    for model in dict.fromkeys(row.model for row in rows):
        kept = [
            json.dumps([*(getattr(row.context, name) for name in columns), row.cache, row.compute])
            for row in rows
            if row.model == model
        ]
        lines.append(f"  {json.dumps(model)}: [\n   " + ",\n   ".join(kept) + "\n  ]")
    about = f"bytes, llama-cpp-python {importlib.metadata.version('llama-cpp-python')}, CPU"
    head = f' "about": {json.dumps(about)},\n "columns": {json.dumps([*columns, "cache", "compute"])},\n'
    RESULT.write_text("{\n" + head + ' "rows": {\n' + ",\n".join(lines) + "\n }\n}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
