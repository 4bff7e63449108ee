"""The one door to the machine: probes run a command or read a path through a `Source`, and parse text.

A captured machine is replayed by another `Source` that answers from files. Absence is a normal outcome, so
nothing here raises.
"""

import os
import platform
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

DEFAULT_TIMEOUT_SECONDS = 5.0
DESCRIBE_CORE = (sys.executable, "-P", str(Path(__file__).parents[1] / "engine" / "native" / "describe.py"))
"""The slowest command, by its path so that no package around it is imported; `python -m` of its name in a capture."""
_MAX_FILE_CHARACTERS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """What a command printed. `exit_code` is None when it did not end in time; negative: killed by that signal."""

    exit_code: int | None
    stdout: str = ""
    stderr: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it ended with exit code 0."""
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class SystemCounters:
    """What psutil and the interpreter know without text; each may be None."""

    physical_cores: int | None = None
    logical_cores: int | None = None
    affinity_cores: int | None = None
    total_memory_bytes: int | None = None
    available_memory_bytes: int | None = None
    swap_bytes: int | None = None
    release: str | None = None
    architecture: str | None = None
    python: str | None = None
    python_bits: int | None = None


class Source(Protocol):
    """A machine that can be asked."""

    @property
    def system(self) -> str:
        """Its kind: "Linux", "Darwin" or "Windows"."""
        ...

    def run(self, command: Sequence[str], *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> CommandOutput | None:
        """What `command` prints; None when there is no such program."""
        ...

    def read(self, path: str) -> str | None:
        """Text of a file; None when it cannot be read."""
        ...

    def glob(self, pattern: str) -> list[str]:
        """Paths that match, sorted; a `*` stays within one folder."""
        ...

    def counters(self) -> SystemCounters:
        """What is known without text."""
        ...


def printed(source: Source, command: Sequence[str], *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> str | None:
    """What `command` writes to standard output, whether it succeeds or not; None when there is no such program."""
    output = source.run(command, timeout_seconds=timeout_seconds)
    return output.stdout if output else None


class SystemSource:
    """The machine that labkit runs on."""

    def __init__(self) -> None:
        self._begun: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}

    def begin(self, command: Sequence[str]) -> None:
        """Start a slow command, so that others are asked meanwhile: `run` with the same words gives its answer."""
        process = _start(command)
        if process is not None:
            self._begun[tuple(command)] = process

    @property
    def system(self) -> str:
        """See Source."""
        return platform.system()

    def run(self, command: Sequence[str], *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> CommandOutput | None:
        """See Source. The environment asks for English; the child is killed when time is up."""
        process = self._begun.pop(tuple(command), None) or _start(command)
        if process is None:
            return None
        with process:
            try:
                stdout, stderr = process.communicate(timeout=timeout_seconds)
            except subprocess.TimeoutExpired as late:
                process.kill()
                return CommandOutput(None, _text(late.stdout), _text(late.stderr))
            except BaseException:
                process.kill()
                raise
        return CommandOutput(process.returncode, _text(stdout), _text(stderr))

    def read(self, path: str) -> str | None:
        """See Source."""
        try:
            with Path(path).open(encoding="utf-8", errors="replace") as file:
                return file.read(_MAX_FILE_CHARACTERS)
        except (OSError, ValueError):
            return None

    def glob(self, pattern: str) -> list[str]:
        """See Source."""
        try:
            return sorted(str(path) for path in Path("/").glob(pattern.removeprefix("/")))
        except OSError:
            return []

    def counters(self) -> SystemCounters:
        """See Source."""
        import psutil

        memory = psutil.virtual_memory()
        return SystemCounters(
            physical_cores=psutil.cpu_count(logical=False),
            logical_cores=psutil.cpu_count(),
            affinity_cores=_affinity(),
            total_memory_bytes=memory.total,
            available_memory_bytes=memory.available,
            swap_bytes=_swap(),
            release=platform.release(),
            architecture=platform.machine(),
            python=platform.python_version(),
            python_bits=8 * struct.calcsize("P"),
        )


def begin_detection() -> SystemSource:
    """A source of this machine with the native core's description on its way: it takes longer than all the rest."""
    machine = SystemSource()
    machine.begin(DESCRIBE_CORE)
    return machine


def _start(command: Sequence[str]) -> "subprocess.Popen[bytes] | None":
    if not command or shutil.which(command[0]) is None:  # a hundred times faster than a child that finds it out
        return None
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, ValueError):
        return None


def _affinity() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return None


def _swap() -> int | None:
    import psutil

    try:
        return psutil.swap_memory().total
    except (OSError, RuntimeError):  # psutil warns or fails where /proc/vmstat or performance counters are closed
        return None


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", errors="replace")
