"""Eight `labkit pull` of one model at the same time, one of them killed: one download, and every other one succeeds.

    python benchmarks/pull_concurrent.py [--processes 8] [--model 0.5B]

Exit code 1 when the storage sent more than 1.01 times the file, or a process that lived did not succeed.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

from labkit.files import hash_file
from paired import machine_facts
from pull_lab import pull_lab

RESULTS = Path(__file__).parent / "results" / "pull_concurrent.json"
BYTES_PER_SECOND = 100e6
BAR_SENT = 1.01


def main() -> None:
    """Run it once, print what happened."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--model", default="0.5B")
    arguments = parser.parse_args()
    with pull_lab(arguments.model) as lab:
        lab.box.bytes_per_second = BYTES_PER_SECOND
        home, size = lab.folder / "home", lab.model.stat().st_size
        processes = [lab.pull(home) for _ in range(arguments.processes)]
        while lab.received_bytes(home) < size // 3:
            time.sleep(0.01)
        random.choice(processes).kill()
        codes = [process.wait() for process in processes]
        right = hash_file(lab.blob(home)) == lab.sha256
        sent, leftovers = lab.box.sent_bytes / size, lab.leftovers(home)
    succeeded = codes.count(0)
    print(f"exit codes     {codes}")
    print(f"bytes sent     {sent:.3f} times the file (each process that starts early also reads the header)")
    print(f"right content  {right}, left over: {leftovers or 'nothing'}")
    holds = right and succeeded >= arguments.processes - 1 and sent <= BAR_SENT + _headers(arguments.processes, size)
    document = {"machine": machine_facts(), "codes": codes, "sent_over_size": sent, "right": right, "holds": holds}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if holds else 1)


def _headers(processes: int, size: int) -> float:
    """Share of the file that reading the header costs each process before there is anything to follow."""
    from labkit.hub.remote_file import FIRST_BYTES, NEXT_BYTES

    return processes * (FIRST_BYTES + NEXT_BYTES) / size


if __name__ == "__main__":
    main()
