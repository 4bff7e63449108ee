"""Asks the zygote from a test."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """ "done", "error" (labkit said what is wrong), "died", or "bug" (anything else)."""

    outcome: str
    what: str = ""
    calls: tuple[str, ...] = ()


class Crasher:
    """One process that makes others, which may die."""

    def __init__(self, environment, folder):
        self.folder = folder
        tests = str(Path(__file__).parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fakes.crashes.zygote"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**environment, "PYTHONPATH": tests},
        )  # fmt: skip

    def run(self, do, home, *, at=0, kind="count", before=(), boot=""):
        """Carry `do` out on the store in `home`, after `before` without faults."""
        request = {"do": do, "home": str(home), "folder": str(self.folder), "at": at, "kind": kind,
                   "before": list(before), "boot": boot}  # fmt: skip
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Outcome(answer["outcome"], answer.get("what", ""), tuple(answer.get("calls", ())))

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
