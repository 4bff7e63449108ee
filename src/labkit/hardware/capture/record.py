"""A Source that remembers everything it was asked, so that another machine can answer the same."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from labkit.hardware.capture.layout import COMMANDS
from labkit.hardware.capture.replay import entry_of, plain_command
from labkit.hardware.source import DEFAULT_TIMEOUT_SECONDS, CommandOutput, Source, SystemCounters

SUPPORT_TIMEOUT_SECONDS = 15.0
# Words that make an entry of the layout a useful command line of its own.
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "lspci.txt": ("-nn",),
    "vulkaninfo.txt": ("--summary",),
    "sysctl-hw.txt": ("hw", "machdep.cpu"),
    "SPHardwareDataType.json": ("-json",),
    "SPDisplaysDataType.json": ("-json",),
    "SPMemoryDataType.json": ("-json",),
}

# Programs of the same name elsewhere answer something else.
_ONLY_ON = {"sysctl": "Darwin", "reg": "Windows", "powershell": "Windows"}


@dataclass(slots=True)
class Recording:
    """What a machine said. `commands`: plain command line -> output; `files`: path -> text."""

    system: str
    commands: dict[tuple[str, ...], CommandOutput] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    counters: SystemCounters = field(default_factory=SystemCounters)


class RecordingSource:
    """Implements `labkit.hardware.source.Source` by asking another one."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.recording = Recording(source.system)

    @property
    def system(self) -> str:
        """See Source."""
        return self._source.system

    def run(self, command: Sequence[str], *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> CommandOutput | None:
        """See Source. A command that is asked again keeps its last answer."""
        output = self._source.run(command, timeout_seconds=timeout_seconds)
        if output is not None:
            self.recording.commands[tuple(plain_command(command))] = output
        return output

    def read(self, path: str) -> str | None:
        """See Source."""
        text = self._source.read(path)
        if text is not None:
            self.recording.files[path] = text
        return text

    def glob(self, pattern: str) -> list[str]:
        """See Source. Files that are found are read, so that a capture finds them as well."""
        found = self._source.glob(pattern)
        for path in found:
            if path not in self.recording.files:
                self.read(path)
        return found

    def counters(self) -> SystemCounters:
        """See Source. The version of Python says nothing about a machine, and its width does."""
        counters = self._source.counters()
        self.recording.counters = dataclasses.replace(counters)
        return counters


def run_support_commands(source: RecordingSource, *, progress: Callable[[str], None]) -> None:
    """Run every command of the layout that exists here and was not asked yet. Blocks; each has a time limit."""
    asked = source.recording.commands
    answered = {entry.file for words in asked if (entry := entry_of(words))}
    for entry in COMMANDS:
        program = entry.command[0]
        if _ONLY_ON.get(program, source.system) != source.system:
            continue
        bare_option = entry.command[-1].startswith("--query")
        if program == "python" or bare_option:  # asked by the probes, with words that only they know
            continue
        words = (*entry.command, *_ARGUMENTS.get(entry.file, ()))
        if words not in asked and (entry.file in _ARGUMENTS or entry.file not in answered):
            progress(" ".join(words))
            source.run(words, timeout_seconds=SUPPORT_TIMEOUT_SECONDS)
