"""How fast synthetic models are written, and how near their size is to the real one's.

Each file is written twice: as labkit does it, and as plain zeros of the same size, which is what the disk gives. The
size is compared with dry runs of llama.cpp's quantization on the real shapes where the catalogue has them, else with
the estimator's range. Files are deleted again.

    python benchmarks/synthetic_write.py [--folder FOLDER] [MODEL[:QUANTIZATION] ...]

Exit code 1 when a rate is under 100 MB/s or a size is off by more than 1 %.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from labkit.bench import DryModel, find_dry_model, write_dry_model
from labkit.settings import load_settings
from labkit.units import MIB
from paired import machine_facts

DEFAULT = (
    "qwen2.5-0.5b-instruct:Q4_K_M", "llama-3.2-1b-instruct:Q4_K_M", "llama-3.2-1b-instruct:F16",
    "gemma-3-1b-it:Q4_K_M", "lfm2.5-1.2b-instruct:Q4_K_M", "qwen3.5-4b:Q4_K_M", "granite-4.0-h-tiny:Q2_K",
)  # fmt: skip
RESULTS = Path(__file__).parent / "results" / "synthetic_write.json"
BAR_MB_PER_SECOND = 100.0
BAR_SIZE_ERROR = 0.01


@dataclass(frozen=True, slots=True)
class Row:
    """One file; rates in MB/s, `size_error` over the reference, minus 1."""

    model: str
    architecture: str
    file_bytes: int
    weight_bytes: int
    reference: str
    size_error: float | None
    labkit_mb_per_second: float
    zeros_mb_per_second: float

    @property
    def holds(self) -> bool:
        """Whether both bars are met."""
        return self.labkit_mb_per_second >= BAR_MB_PER_SECOND and abs(self.size_error or 0) <= BAR_SIZE_ERROR


def measure(name: str, folder: Path) -> Row:
    """Write one file both ways, plain zeros first."""
    found = find_dry_model(name, load_settings())
    dry = replace(found, path=folder / found.path.name)
    write_dry_model(dry)  # the size is known only from the file, vocabulary included
    size = dry.path.stat().st_size
    dry.path.unlink()
    zeros = _rate(lambda: _write_zeros(dry.path, size), dry.path)
    labkit = _rate(lambda: write_dry_model(dry), dry.path)
    reference, error = _size_error(dry)
    return Row(name, dry.plan.shape.architecture, size, dry.plan.weight_bytes, reference, error, labkit, zeros)


def _rate(write: Callable[[], object], path: Path) -> float:
    start = time.perf_counter()
    write()
    seconds = time.perf_counter() - start
    size = path.stat().st_size
    path.unlink()
    return size / seconds / 1e6


def _write_zeros(path: Path, size: int) -> None:
    piece = bytes(8 * MIB)
    with path.open("wb", buffering=0) as file:
        for start in range(0, size, len(piece)):
            file.write(piece[: size - start])


def _size_error(dry: DryModel) -> tuple[str, float | None]:
    predicted = dry.model.predicted_bytes.get(dry.plan.quantization)
    if predicted is not None:
        return "dry run", dry.plan.weight_bytes / predicted - 1
    return "estimator's range", dry.size_error


def main() -> None:
    """Print the table, write the results, exit with 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=DEFAULT, metavar="MODEL[:QUANTIZATION]")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder by default")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        print(f"{'model':32} {'architecture':14} {'MB':>7} {'labkit':>10} {'zeros':>10}   size against")
        for name in arguments.models:
            row = measure(name, Path(folder))
            rows.append(row)
            error = "unknown" if row.size_error is None else f"{row.size_error:+.4%} {row.reference}"
            print(
                f"{row.model:32} {row.architecture:14} {row.file_bytes / 1e6:7.0f} {row.labkit_mb_per_second:5.0f} MB/s"
                f" {row.zeros_mb_per_second:5.0f} MB/s   {error}{'' if row.holds else '   MISSED'}",
                flush=True,
            )
    result = {"name": RESULTS.stem, "machine": machine_facts(), "rows": [asdict(row) for row in rows]}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if all(row.holds for row in rows) else 1)


if __name__ == "__main__":
    main()
