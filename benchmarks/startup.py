"""How long `labkit --help` takes as a whole process, and what it must not import.

    python benchmarks/startup.py [--runs N]

Exit code 1 when the median is 0.3 s or more.
"""

import argparse
import statistics
import subprocess
import sys
import time

BAR_SECONDS = 0.3


def main() -> int:
    """Print minimum, median and maximum."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    command = [sys.executable, "-m", "labkit", "--help"]
    times: list[float] = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    times = times[1:]  # the first one also fills the file cache
    middle = statistics.median(times)
    print(f"labkit --help, {runs} runs: min {min(times):.3f} s, median {middle:.3f} s, max {max(times):.3f} s")
    return int(middle >= BAR_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
