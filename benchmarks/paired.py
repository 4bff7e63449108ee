"""Paired comparisons: interleaved rounds, the median of their ratios, a bar, a table, and a file of results."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil

from labkit import __version__
from labkit.engine.native.describe import describe

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Bar:
    """What the ratio ours / theirs must be; a range where `high` is given."""

    kind: Literal[">=", "<=", "within"]
    value: float
    high: float = 0.0

    def is_met(self, ratio: float) -> bool:
        """Whether a ratio passes."""
        if self.kind == ">=":
            return ratio >= self.value
        return ratio <= self.value if self.kind == "<=" else self.value <= ratio <= self.high

    def __str__(self) -> str:
        return f"{self.value:.2f}-{self.high:.2f}" if self.kind == "within" else f"{self.kind} {self.value:.2f}x"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of one kind of work, with a value per round for both sides.

    Attributes:
        work: such as "0.5B, concurrency 8".
        metric: with its unit, such as "tokens/s" or "TTFT p50 s".
        bar: None reports without judging.
    """

    work: str
    metric: str
    peer: str
    ours: Sequence[float]
    theirs: Sequence[float]
    bar: Bar | None = None
    us: str = "labkit"

    @property
    def ratios(self) -> list[float]:
        """ours / theirs of each round."""
        return [a / b if b else float("inf") for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """Their median."""
        return statistics.median(self.ratios)

    @property
    def verdict(self) -> str:
        """PASS, MISS, or nothing where there is no bar."""
        if self.bar is None:
            return ""
        return "PASS" if self.bar.is_met(round(self.ratio, 4)) else "MISS"

    def as_row(self) -> dict[str, Any]:
        """For results."""
        return {
            "work": self.work,
            "metric": self.metric,
            "us": self.us,
            "ours": [_short(value) for value in self.ours],
            "peer": self.peer,
            "theirs": [_short(value) for value in self.theirs],
            "ratio": _short(self.ratio),
            "ratio_min": _short(min(self.ratios)),
            "ratio_max": _short(max(self.ratios)),
            "bar": str(self.bar) if self.bar else None,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that must hold and is no ratio, such as "valid answers 40 of 40"."""

    work: str
    text: str
    holds: bool

    def as_row(self) -> dict[str, Any]:
        """For results."""
        return {"work": self.work, "fact": self.text, "verdict": "PASS" if self.holds else "MISS"}


@dataclass(slots=True)
class Report:
    """Collects what a benchmark found."""

    name: str
    what: str
    quick: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    rows: list[Comparison | Fact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def compare(self, *arguments: Any, **fields: Any) -> Comparison:
        """Add a Comparison."""
        row = Comparison(*arguments, **fields)
        self.rows.append(row)
        return row

    def require(self, work: str, text: str, holds: bool) -> None:
        """Add a Fact."""
        self.rows.append(Fact(work, text, holds))

    def note(self, text: str) -> None:
        """Add a line that a reader of the figures must know."""
        if text not in self.notes:
            self.notes.append(text)

    def finish(self) -> None:
        """Print everything, and write benchmarks/results/NAME.json, or results/quick/NAME.json of a quick run."""
        result = {
            "name": self.name,
            "what": self.what,
            "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
            "machine": machine_facts() | {"load_before": round(self.load_before, 1)},
            "settings": self.settings,
            "rows": [row.as_row() for row in self.rows],
            "notes": self.notes,
        }
        print(f"\n{self.name}: {self.what}")
        print_rows(result["rows"])
        for note in self.notes:
            print(f"  {note}")
        folder = results_folder(quick=self.quick)
        folder.mkdir(exist_ok=True)
        (folder / f"{self.name}.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def results_folder(*, quick: bool) -> Path:
    """Where results are kept. Those of quick runs are apart: they are for a look only, and not for the repository."""
    return RESULTS / "quick" if quick else RESULTS


def rounds(count: int, sides: Sequence[str]) -> Iterator[tuple[int, str]]:
    """(round, side): every side once a round, in an order that rotates, so that none always goes first."""
    for number in range(count):
        turn = number % len(sides)
        for side in (*sides[turn:], *sides[:turn]):
            print(f"  round {number + 1} of {count}: {side}        ", end="\r", file=sys.stderr, flush=True)
            yield number, side
    print(" " * 70, end="\r", file=sys.stderr)


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """A table of rows as results hold them."""
    widest = max((len(row["work"]) for row in rows), default=10)
    head = f"  {'work':{widest}} {'metric':16} {'labkit':>10} {'peer':>10} {'ratio':>7} {'spread':>13}  {'bar':12}"
    print(f"{head} verdict")
    for row in rows:
        if "fact" in row:
            print(f"  {row['work']:{widest}} {row['fact']:86} {row['verdict']}")
            continue
        ours, theirs = statistics.median(row["ours"]), statistics.median(row["theirs"])
        spread = f"{row['ratio_min']:.2f}-{row['ratio_max']:.2f}"
        line = f"  {row['work']:{widest}} {row['metric']:16} {ours:10.4g} {theirs:10.4g} {row['ratio']:7.3f}"
        print(f"{line} {spread:>13}  {row['bar'] or 'reported':12} {row['verdict']:4}  vs {row['peer']}")


def machine_facts() -> dict[str, Any]:
    """What a reader needs to judge the figures; nothing that names this machine."""
    core = describe()
    cores = usable_processors()
    return {
        "cpu": next((one["description"] for one in core.get("devices", []) if one["kind"] == "cpu"), "unknown"),
        "logical_cpus": os.cpu_count(),
        "used_cpus": len(cores),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "labkit": __version__,
        "llama_cpp_python": core.get("version"),
        "ggml_commit": core.get("commit"),
        "features": core.get("system_info"),
    }


def usable_processors() -> list[int]:
    """Processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _short(value: float) -> float:
    return float(f"{value:.5g}")
