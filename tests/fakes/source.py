"""A captured machine that answers like a real one: files and commands from a TOML file, or given by hand."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from labkit.hardware.capture.replay import plain_command
from labkit.hardware.source import CommandOutput, SystemCounters

MACHINES = Path(__file__).parents[1] / "data" / "hardware"


class FakeSource:
    """Implements `labkit.hardware.source.Source`. A command is found by the longest start that is known."""

    def __init__(
        self,
        system: str = "Linux",
        files: Mapping[str, str] | None = None,
        commands: Mapping[str, CommandOutput] | None = None,
        counters: SystemCounters | None = None,
    ) -> None:
        self.system = system
        self.files = dict(files or {})
        self.commands = dict(commands or {})
        self.asked: list[str] = []
        self._counters = counters or SystemCounters()

    def run(self, command: Sequence[str], *, timeout_seconds: float = 5.0) -> CommandOutput | None:
        line = " ".join(plain_command(command))
        self.asked.append(line)
        known = [start for start in self.commands if line.startswith(start)]
        return self.commands[max(known, key=len)] if known else None

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def glob(self, pattern: str) -> list[str]:
        translated = "".join(
            "[^/]*" if part == "*" else part if part.startswith("[") else re.escape(part)
            for part in re.split(r"(\*|\[[^\]]*\])", pattern)
        )
        return sorted(path for path in self.files if re.fullmatch(translated, path))

    def counters(self) -> SystemCounters:
        return self._counters


def load_machine(name: str) -> FakeSource:
    """The machine captured in tests/data/hardware/<name>.toml."""
    document = tomllib.loads((MACHINES / f"{name}.toml").read_text(encoding="utf-8"))
    commands = {
        entry["run"]: CommandOutput(
            entry.get("exit_code", 0) if not entry.get("timed_out") else None,
            entry.get("stdout", ""),
            entry.get("stderr", ""),
        )
        for entry in document.get("commands", [])
    }
    return FakeSource(
        document["system"], document.get("files", {}), commands, SystemCounters(**document.get("counters", {}))
    )


def machine_names() -> list[str]:
    """Every captured machine."""
    return sorted(path.stem for path in MACHINES.glob("*.toml"))
