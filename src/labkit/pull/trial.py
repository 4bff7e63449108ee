"""A trial prompt in a process of its own: some files load and kill the core with the first token.

The process has limits of time and, where the system knows them, of memory, no token in its environment, and dies with
its file. What it says is not trusted either.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from labkit.units import GIB

COMMAND = (sys.executable, "-m", "labkit.worker.trial")
LEAST_SECONDS = 60.0
SECONDS_PER_GIB = 30.0  # a slow disk reads 35 MB/s
_SECRETS = ("TOKEN", "KEY", "SECRET", "PASSWORD", "CREDENTIAL")


@dataclass(frozen=True, slots=True)
class TrialResult:
    """`problem` is empty when the model answered; else it says in words what happened."""

    problem: str = ""
    core_version: str | None = None
    prompt_tokens: int | None = None


def try_model(path: Path) -> TrialResult:
    """Load the model at `path` elsewhere, give it a prompt, and have it answer a few tokens. Blocks. Never raises."""
    seconds = LEAST_SECONDS + SECONDS_PER_GIB * path.stat().st_size / GIB
    try:
        done = subprocess.run(
            [*COMMAND, str(path)],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
            env=without_secrets(os.environ.copy()) | {"GGML_NO_BACKTRACE": "1"},  # an abort would start a debugger
        )
    except subprocess.TimeoutExpired:
        return TrialResult(f"it did not answer a prompt within {seconds:.0f} s")
    except OSError as error:
        return TrialResult(f"the trial could not be started: {error.strerror or error}")
    said = _last_json(done.stdout)
    if done.returncode < 0:
        return TrialResult(_crash(said, -done.returncode))
    if done.returncode or said is None:
        return TrialResult(_problem(said, done.stderr) or f"the trial ended with exit code {done.returncode}")
    tokens = said.get("prompt_tokens")
    return TrialResult("", str(said.get("core_version") or "") or None, tokens if isinstance(tokens, int) else None)


def _crash(said: dict | None, number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    doing = said.get("doing") if said else None
    return f"the native core crashed ({name}) when {doing}" if doing else f"the trial was ended ({name})"


def without_secrets(environment: dict[str, str]) -> dict[str, str]:
    """The variables a process needs that has no business with anyone's keys."""
    return {name: value for name, value in environment.items() if not any(mark in name.upper() for mark in _SECRETS)}


def _last_json(output: bytes) -> dict | None:
    line = output.decode("utf-8", "replace").strip().rpartition("\n")[2]
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _problem(said: dict | None, stderr: bytes) -> str:
    if said and isinstance(said.get("problem"), str):
        return said["problem"]
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""
