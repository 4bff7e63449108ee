"""Holds the memory estimator against llama.cpp's own accounting, row by row, and prints how close it is.

python benchmarks/estimator_golden.py tests/data/estimator_golden.json
"""

import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from labkit.catalog import Attention, CatalogModel, Shape, architecture
from labkit.estimate import ContextSettings, cache_bytes, compute_bytes
from labkit.model import ModelArchitecture
from labkit.units import MIB

DEFAULT_FILE = Path(__file__).parents[1] / "tests" / "data" / "estimator_golden.json"


@dataclass(frozen=True, slots=True)
class GoldenRow:
    """One configuration, with what llama.cpp allocates for it."""

    model: str
    architecture: ModelArchitecture
    context: ContextSettings
    context_mib: float
    compute_mib: float

    @property
    def cache_error_mib(self) -> float:
        """Estimated cache minus llama.cpp's."""
        return cache_bytes(self.architecture.layers or (), self.context) / MIB - self.context_mib

    @property
    def compute_slack(self) -> float:
        """How far the bound lies over llama.cpp's compute buffer: 0.1 is 10 % above, negative is under."""
        return (compute_bytes(self.architecture, self.context) or 0) / MIB / self.compute_mib - 1


def load_rows(path: Path = DEFAULT_FILE) -> list[GoldenRow]:
    """Every row of a golden file."""
    golden = json.loads(path.read_text(encoding="utf-8"))
    shapes = {name: _architecture(entry) for name, entry in golden["shapes"].items()}
    rows = [dict(zip(golden["columns"], row, strict=True)) for row in golden["rows"]]
    return [_row(row, shapes[row["model"]]) for row in rows]


def _architecture(entry: dict) -> ModelArchitecture:
    shape = TypeAdapter(Shape).validate_python(entry["shape"])
    attention = TypeAdapter(Attention).validate_python(entry["attention"])
    return architecture(CatalogModel("golden", "golden", "none", (), shape=shape, attention=attention))


def _row(row: dict, shape: ModelArchitecture) -> GoldenRow:
    context = ContextSettings(
        context_tokens=row["n_ctx"],
        num_sequences=row["n_seq"],
        ubatch_tokens=row["n_ubatch"],
        flash_attention=row["flash_attn"],
        kv_type=row["kv_type"],
        full_window_cache=row["swa_full"],
        num_outputs=row["n_outputs"],
    )
    return GoldenRow(row["model"], shape, context, row["context_mib"], row["compute_mib"])


def main() -> None:
    """Print the figures; exit with 1 when a cache is off or a bound is exceeded."""
    rows = load_rows(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FILE)
    # The file states MiB with two decimals.
    wrong = [row for row in rows if abs(row.cache_error_mib) > 0.006]
    slacks = sorted(row.compute_slack for row in rows)
    print(f"rows                     {len(rows)} over {len({row.model for row in rows})} shapes")
    print(f"cache exact              {len(rows) - len(wrong)} of {len(rows)}")
    print(f"compute bound exceeded   {sum(slack < 0 for slack in slacks)} of {len(rows)}")
    print(f"compute bound above      median {statistics.median(slacks):.0%}, worst {slacks[-1]:.0%}")
    for row in wrong:
        print(f"  {row.model} {row.context}: cache {row.cache_error_mib:+.2f} MiB")
    for row in rows:
        if row.compute_slack < 0:
            print(f"  {row.model} {row.context}: compute {row.compute_slack:+.1%}")
    sys.exit(1 if wrong or slacks[0] < 0 else 0)


if __name__ == "__main__":
    main()
