"""The engine's bars in one table, from benchmarks/results/*.json: what `make bench-engine` prints last.

python benchmarks/engine_bars.py [--quick]
"""

import json
import sys
from typing import Any

from paired import print_rows, results_folder

NAMES = (
    "engine_vs_batched", "core_vs_llama_bench", "http_throughput", "http_burst", "http_conversations", "http_schema",
    "http_speculation", "front_overhead", "busy_machine",
)  # fmt: skip


def main() -> int:
    """Print every row that has a bar, and how many were met. Exit code 1 when there are no results."""
    folder = results_folder(quick="--quick" in sys.argv)
    found = {name: json.loads(path.read_text()) for name in NAMES if (path := folder / f"{name}.json").exists()}
    results = list(found.values())
    if not results:
        print("no results: run make bench-engine", file=sys.stderr)
        return 1
    machine = results[-1]["machine"]
    print(f"{machine['cpu']}, {machine['used_cpus']} of {machine['logical_cpus']} processors, {machine['system']}")
    print(f"labkit {machine['labkit']}, llama.cpp {machine['ggml_commit']} on both sides\n")
    rows: list[dict[str, Any]] = []
    for result in results:
        rows += [row | {"work": f"{result['name']}: {row['work']}"} for row in result["rows"] if row["verdict"]]
    print_rows(rows)
    missed = sum(row["verdict"] == "MISS" for row in rows)
    print(f"\n{len(rows) - missed} of {len(rows)} bars met")
    if absent := [name for name in NAMES if name not in found]:
        print(f"not run yet: {', '.join(absent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
