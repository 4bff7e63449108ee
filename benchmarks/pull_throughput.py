"""`labkit pull`'s download beside curl and sha256sum in a pipe, from the same storage over loopback, in turn.

Both end with the file on disk and its hash known: curl writes through tee. labkit's side is the download alone
(resume, locks, journal, hash, fsync, rename), without the start of Python and without the trial prompt.

    python benchmarks/pull_throughput.py [--rounds 7] [--model 0.5B]

Exit code 1 when the median ratio is under 0.9.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from paired import machine_facts
from pull_lab import FILE, PullLab, pull_lab

RESULTS = Path(__file__).parent / "results" / "pull_throughput.json"
BAR = 0.9


def time_labkit(_: PullLab, folder: Path) -> float:
    """Seconds of one download into an empty folder."""
    from labkit.hub import Download, download, fetch_repository, locate

    repository = fetch_repository("org/model-GGUF", "main")
    file = next(file for file in repository.files if file.path == FILE)
    task = Download(
        file.path, lambda: locate(repository, file), file.size_bytes or 0, file.sha256, folder / "parts",
        lambda digest: folder / "blobs" / digest,
    )  # fmt: skip
    started = time.perf_counter()
    download(task)
    return time.perf_counter() - started


def time_curl(lab: PullLab, folder: Path) -> float:
    """Seconds of curl | tee FILE | sha256sum, and a sync of the file, into an empty folder."""
    url = f"{lab.box.storage_url}/org/model-GGUF/{lab.sha256}"
    started = time.perf_counter()
    command = f"curl -sS '{url}' | tee '{folder}/file' | sha256sum && sync '{folder}/file'"
    said = subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout
    seconds = time.perf_counter() - started
    if not said.startswith(lab.sha256):
        raise SystemExit("curl fetched something else")
    return seconds


def main() -> None:
    """Run the rounds, print the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--model", default="0.5B")
    arguments = parser.parse_args()
    pairs: list[tuple[float, float]] = []
    with pull_lab(arguments.model) as lab:
        os.environ.update(lab.box.environment())
        size = lab.model.stat().st_size
        for number in range(arguments.rounds + 1):
            seconds: list[float] = []
            for measure in (time_labkit, time_curl) if number % 2 else (time_curl, time_labkit):
                folder = lab.folder / "target"
                folder.mkdir()
                seconds.append(measure(lab, folder))
                shutil.rmtree(folder)
            ours, theirs = seconds if number % 2 else reversed(seconds)
            if number:  # the first warms the page cache
                pairs.append((ours, theirs))
                rates = f"labkit {size / ours / 1e6:6.0f} MB/s, curl {size / theirs / 1e6:6.0f} MB/s"
                print(f"{rates}, ratio {theirs / ours:.2f}", flush=True)
    ratios = sorted(theirs / ours for ours, theirs in pairs)
    median = statistics.median(ratios)
    print(f"throughput labkit / curl: median {median:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    document = {"machine": machine_facts(), "seconds": pairs, "ratio": median}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if median >= BAR else 1)


if __name__ == "__main__":
    main()
