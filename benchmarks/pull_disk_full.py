"""`labkit pull` onto a disk that another program fills up, at places all over the download; then there is room again.

At each place the pull must end with its own error, show no model, and go on from where it stopped once the other file
is gone. The disk is a tmpfs: needs the right to mount (root); else it says so and ends with 2.

    python benchmarks/pull_disk_full.py [--places 20] [--model 0.5B]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.files import hash_file
from labkit.settings import Settings
from labkit.store import open_store
from labkit.units import MIB
from paired import machine_facts
from pull_lab import PullLab, pull_lab

RESULTS = Path(__file__).parent / "results" / "pull_disk_full.json"
DISK_FULL_EXIT = 71
BYTES_PER_SECOND = 100e6  # of each connection
BAR_AGAIN = 0.01


@dataclass(frozen=True, slots=True)
class Place:
    """One moment at which the disk is full: `full_at_bytes` of the download.

    Attributes:
        exit_code: of the pull on the full disk.
        kept_bytes: of the download, when it stopped.
        again_share: of the file, had arrived and was asked for again.
    """

    full_at_bytes: int
    exit_code: int
    visible_models: int
    kept_bytes: int
    again_share: float
    right_content: bool

    @property
    def holds(self) -> bool:
        """Whether nothing was visible, nothing was lost, and the end is right."""
        stopped = self.exit_code == DISK_FULL_EXIT and self.visible_models == 0
        return stopped and self.right_content and self.again_share <= BAR_AGAIN


def run_place(lab: PullLab, full_at_bytes: int) -> Place:
    """A pull onto a disk that is full from that byte on, then one with room."""
    home, size = lab.folder / "disk", lab.model.stat().st_size
    home.mkdir()
    _mount(home, size + 256 * MIB)
    try:
        process = lab.pull(home)
        while process.poll() is None and lab.received_bytes(home) < full_at_bytes:
            time.sleep(0.002)
        _fill(home / "another program's file")
        code = process.wait()
        visible = len(open_store(Settings(home)).list().manifests)
        kept = lab.received_bytes(home)
        arrived, first = lab.arrived(home), len(lab.box.seen)
        (home / "another program's file").unlink()
        lab.wait(lab.pull(home))
        right = lab.blob(home).exists() and hash_file(lab.blob(home)) == lab.sha256
        again = lab.asked_again(arrived, first) / size
    finally:
        _run("umount", str(home))
        home.rmdir()
    return Place(full_at_bytes, code, visible, kept, again, right)


def _fill(path: Path) -> None:
    """Take all the room that there is, in ever smaller bites."""
    bite, length = 64 * MIB, 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while bite >= 4096:
            try:
                os.posix_fallocate(descriptor, length, bite)
                length += bite
            except OSError:
                bite //= 2
    finally:
        os.close(descriptor)


def _mount(folder: Path, num_bytes: int) -> None:
    done = _run("mount", "-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs", str(folder))
    if done:
        print("mounting a tmpfs is not allowed here: run it as root", file=sys.stderr)
        sys.exit(2)


def _run(*command: str) -> int:
    return subprocess.run(command, check=False, capture_output=True).returncode


def main() -> None:
    """Every place, and the bars."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--places", type=int, default=20)
    parser.add_argument("--model", default="0.5B")
    arguments = parser.parse_args()
    places: list[Place] = []
    with pull_lab(arguments.model) as lab:
        lab.box.bytes_per_second = BYTES_PER_SECOND
        size = lab.model.stat().st_size
        for number in range(arguments.places):
            places.append(run_place(lab, size * number // arguments.places))
            last = places[-1]
            said = "ok" if last.holds else "MISSED"
            full, kept = f"{last.full_at_bytes / 1e6:6.1f} MB", f"{last.kept_bytes / 1e6:6.1f} MB"
            print(
                f"full at {full}: exit {last.exit_code}, kept {kept}, again {last.again_share:.2%}  {said}", flush=True
            )
    print(f"{sum(place.holds for place in places)} of {len(places)} places as they should be")
    document = {"machine": machine_facts(), "places": [asdict(place) for place in places]}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if all(place.holds for place in places) else 1)


if __name__ == "__main__":
    main()
