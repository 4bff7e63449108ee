"""`labkit bench core` against llama-bench: the same tests, the same definitions, the same figures.

    python benchmarks/core_vs_llama_bench.py [--rounds N] [--quick] [--models 0.5B,1B]

pp512 and tg128, a process per round and side, with a warm-up that does not count (both tools do that themselves).
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from cores import Cores, divide_cores
from options import Options, parse_options
from paired import Bar, Report, rounds
from peers.build import Peers, ensure_peers
from peers.process import output_of, shown_command

TESTS = ("pp512", "tg128")
PEER = "llama-bench"


def main() -> None:
    """Measure every model, print, write results."""
    options = parse_options(__doc__, rounds=3, models=("0.5B", "1B"), quick_rounds=2)
    peers, cores = ensure_peers(), divide_cores()
    report = Report("core_vs_llama_bench", "the native core alone, no sampling, no HTTP", options.quick)
    for name, model in options.models:
        measure(report, peers, cores, options, name, model)
    report.finish()


def measure(report: Report, peers: Peers, cores: Cores, options: Options, name: str, model: Path) -> None:
    """All rounds on one model."""
    sizes = ("-p", "512", "-n", "128", "-b", "2048", "-ub", "512", "-r", "1")
    flags = (*sizes, "-t", str(cores.num_threads), "-o", "json")
    commands = {
        "labkit bench core": (sys.executable, "-m", "labkit", "bench", "core", str(model), *flags),
        PEER: (str(peers.program("llama-bench")), "-m", str(model), *flags),
    }
    runs: dict[str, dict[str, list[float]]] = {side: defaultdict(list) for side in commands}
    for _, side in rounds(options.rounds, list(commands)):
        for row in run(commands[side], cores):
            runs[side][f"pp{row['n_prompt']}" if row["n_prompt"] else f"tg{row['n_gen']}"].append(row["avg_ts"])
    ours, theirs = runs["labkit bench core"], runs[PEER]
    for test in TESTS:
        report.compare(f"{name}, {test}", "tokens/s", PEER, ours[test], theirs[test], Bar("within", 0.97, 1.03))
    report.settings[f"{name}: {PEER}"] = shown_command(commands[PEER])


def run(command: tuple[str, ...], cores: Cores) -> list[dict[str, Any]]:
    """Rows that a tool prints as JSON."""
    return json.loads(output_of(command, cores=cores.servers))


if __name__ == "__main__":
    main()
