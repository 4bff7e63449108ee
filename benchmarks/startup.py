"""How long commands that a person waits for take as a whole process.

    python benchmarks/startup.py [--runs N]

`recommend` and `doctor --quick` look at this machine; the measurement of its memory, which is made once and kept, is
left out with the first run. Exit code 1 when a median is at or over its bar.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

BARS_SECONDS = {
    "--help": 0.3,
    "doctor --quick": 1.0,
    "recommend": 1.0,
    "recommend --profile rtx-4090-24gb": 1.0,
    "recommend --explain qwen3-8b": 1.0,
}


def main() -> int:
    """Print minimum, median and maximum of each command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    missed = 0
    with tempfile.TemporaryDirectory() as home:
        for words, bar in BARS_SECONDS.items():
            times = seconds(words.split(), runs, home)
            middle = statistics.median(times)
            missed += middle >= bar
            verdict = "missed" if middle >= bar else "met"
            print(
                f"labkit {words:<34} {runs} runs: min {min(times):.3f} s, median {middle:.3f} s, "
                f"max {max(times):.3f} s, bar {bar} s {verdict}"
            )
    return int(missed > 0)


def seconds(words: list[str], runs: int, home: str) -> list[float]:
    """Wall time of each run but the first, which also fills the file cache."""
    command = [sys.executable, "-m", "labkit", *words]
    environment = {**os.environ, "LABKIT_HOME": home}
    times: list[float] = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        times.append(time.perf_counter() - start)
    return times[1:]


if __name__ == "__main__":
    sys.exit(main())
