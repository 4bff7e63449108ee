"""`labkit pull`, interrupted: at random places, by cut connections, SIGTERM or SIGKILL; after a signal typed again.

Each round starts with an empty store and interrupts one pull once. What counts: the hash at the end, the bytes asked
for again of those that had arrived, and what lies around afterwards. Bytes that were on their way and lost with the
connection are shown too, for a cut connection together with what was asked for again.

    python benchmarks/pull_interruptions.py [--rounds 50] [--model 0.5B] [--seed 0]

Exit code 1 when a bar is missed: right content every time, at most 1 % asked for again, nothing left over.
"""

import argparse
import json
import random
import shutil
import signal
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.files import hash_file
from paired import machine_facts
from pull_lab import PullLab, pull_lab

RESULTS = Path(__file__).parent / "results" / "pull_interruptions.json"
BAR_SHARE = 0.01
BYTES_PER_SECOND = 100e6  # of each connection: slow enough to be stopped in the middle
KINDS = ("cut", "SIGTERM", "SIGKILL")


@dataclass(frozen=True, slots=True)
class Round:
    """One model pulled to the end, with one interruption between.

    Attributes:
        at_bytes: received when it came.
        again_share: of the file, had arrived and was asked for again.
        lost_share: of the file, sent and never received, because the connection ended.
    """

    kind: str
    at_bytes: int
    again_share: float
    lost_share: float
    right_content: bool
    leftovers: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether all bars are met."""
        return self.right_content and not self.leftovers and self.again_share <= BAR_SHARE


def run_round(lab: PullLab, rng: random.Random, number: int) -> Round:
    """One round in a home of its own, which is deleted again."""
    home, size, sent = lab.folder / f"home-{number}", lab.model.stat().st_size, lab.box.sent_bytes
    kind, place = rng.choice(KINDS), round(rng.uniform(0.02, 0.95) * size)
    process = lab.pull(home)
    while process.poll() is None and lab.received_bytes(home) < place:
        time.sleep(0.002)
    if kind == "cut":
        arrived, first = lab.arrived(home), len(lab.box.seen)
        lab.box.break_connections()
        lab.wait(process)
    else:
        process.send_signal(getattr(signal, kind))
        process.wait()
        arrived, first = lab.arrived(home), len(lab.box.seen)
        if not lab.blob(home).exists():
            lab.wait(lab.pull(home))
    at = sum(end - start for start, end in arrived) or size
    again = lab.asked_again(arrived, first)
    lost = max(lab.box.sent_bytes - sent - size - again, 0)
    right = lab.blob(home).exists() and hash_file(lab.blob(home)) == lab.sha256
    leftovers = tuple(lab.leftovers(home))
    shutil.rmtree(home)
    return Round(kind, at, again / size, lost / size, right, leftovers)


def main() -> None:
    """Run the rounds, print each and the bars."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--model", default="0.5B")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    rounds: list[Round] = []
    with pull_lab(arguments.model) as lab:
        lab.box.bytes_per_second = BYTES_PER_SECOND
        for number in range(arguments.rounds):
            rounds.append(run_round(lab, rng, number))
            last = rounds[-1]
            said = "ok" if last.holds else f"MISSED {last.leftovers or ''}"
            print(
                f"{number + 1:3} {last.kind:8} at {last.at_bytes / 1e6:6.1f} MB, again {last.again_share:.3%}  {said}"
            )
    shares = [entry.again_share for entry in rounds]
    lost = statistics.median(entry.lost_share for entry in rounds)
    print(f"right content            {sum(entry.right_content for entry in rounds)} of {len(rounds)}")
    print(f"asked for again          median {statistics.median(shares):.3%}, worst {max(shares):.3%}")
    print(f"lost on the way          median {lost:.2%}, worst {max(entry.lost_share for entry in rounds):.2%}")
    print(f"left over                {sum(bool(entry.leftovers) for entry in rounds)} rounds")
    document = {"machine": machine_facts(), "rounds": [asdict(entry) for entry in rounds]}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if all(entry.holds for entry in rounds) else 1)


if __name__ == "__main__":
    main()
