"""A captured machine that answers probes from files, as the machine did. Nothing of the machine below shows through.

What a capture does not hold is absent: a command without a file is "no such program".
"""

import fnmatch
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from labkit.errors import InputError
from labkit.hardware.capture.layout import (
    CAPTURE_FILE,
    COMMANDS,
    COMMANDS_FOLDER,
    COUNTERS_FILE,
    EXIT_ENDING,
    STDERR_ENDING,
    SYSTEM_FOLDERS,
    TIMED_OUT,
    CommandFile,
)
from labkit.hardware.capture.names import NamedFiles, name_files
from labkit.hardware.capture.tree import FileTree, open_tree
from labkit.hardware.source import DEFAULT_TIMEOUT_SECONDS, DESCRIBE_CORE, CommandOutput, SystemCounters

_SYSTEMS = ("Linux", "Darwin", "Windows")
_DARWIN_PROGRAMS = {"system_profiler", "vm_stat", "pmset", "sw_vers", "ioreg"}
_WINDOWS_PROGRAMS = {"reg", "powershell", "wmic", "dxdiag", "systeminfo"}
_WINDOWS_NAME = re.compile(r"(^|/)(win32|windows|registry|reg[-_]|wmi|wmic|dxdiag|dxgi|systeminfo)", re.IGNORECASE)
_DARWIN_SYSCTL = re.compile(r"^(hw|machdep)\.", re.MULTILINE)
_OWN_GROUP = "/proc/self/cgroup"
# Line of /proc/self/cgroup -> the files that limit the memory of a group.
_LIMITS = {
    "1:memory:": re.compile(r"/sys/fs/cgroup/memory(?P<group>(?:/[^/]+)*)/memory\.limit_in_bytes"),
    "0::": re.compile(r"/sys/fs/cgroup(?P<group>(?:/[^/]+)*)/memory\.(?:max|high)"),
}
_TEXT_COUNTERS = ("release", "architecture", "python")


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture, opened: one Source for each machine in it, and what a person should know of it.

    Attributes:
        machines: label -> Source; the only one of most captures has the label "".
        unknown: files that no probe reads.
        left_out: names that were not taken, with the reason.
    """

    name: str
    machines: dict[str, "ReplaySource"]
    unknown: tuple[str, ...]
    left_out: tuple[str, ...]


def open_capture(place: Path) -> Capture:
    """A folder, an archive, or one captured file. Raises InputError when it holds nothing that is known."""
    tree = open_tree(place)
    index = _read_index(tree)
    named = name_files(tree, index.values())
    _refuse_what_is_no_capture(tree, named)
    machines = {label: ReplaySource(tree, named, index, label) for label in named.labels or [""]}
    return Capture(tree.name, machines, tuple(named.unknown), tree.left_out)


class ReplaySource:
    """Implements `labkit.hardware.source.Source` from the files of a capture."""

    def __init__(self, tree: FileTree, named: NamedFiles, index: dict[str, str], label: str = "") -> None:
        """`index`: command line -> file, of a capture that labkit made. `label`: which of several machines."""
        self._tree, self._index = tree, index
        self._commands = {kind: _choose(files, label, named) for kind, files in named.commands.items()}
        self._paths = {path: _choose(files, label, named) for path, files in named.paths.items()}
        self._system = _stated_system(tree) or self._infer_system()

    @property
    def system(self) -> str:
        """See Source: what the capture states, else what its files are of."""
        return self._system

    def run(self, command: Sequence[str], *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> CommandOutput | None:
        """See Source. The very command line of the capture's index, else the file of its layout."""
        del timeout_seconds
        words = plain_command(command)
        exact = self._index.get(" ".join(words))
        if exact is not None:
            return self._output([exact])
        entry = entry_of(words)
        found = self._commands.get(entry.file) if entry else None
        if entry is None or not found:
            return None
        return self._output(found if entry.joined else found[:1])

    def read(self, path: str) -> str | None:
        """See Source."""
        found = self._paths.get(path)
        if not found and path == _OWN_GROUP:
            return supposed_group(self._paths)
        return self._tree.read(found[0]) if found else None

    def glob(self, pattern: str) -> list[str]:
        """See Source. Folders count as well as files."""
        parts = pattern.split("/")
        beginnings = ("/".join(path.split("/")[: len(parts)]) for path, found in self._paths.items() if found)
        return sorted({path for path in beginnings if _matches(path.split("/"), parts)})

    def counters(self) -> SystemCounters:
        """See Source: those of the capture; unknown when it has none."""
        document = _json(self._tree, COUNTERS_FILE)
        return SystemCounters(
            **{
                entry.name: value
                for entry in fields(SystemCounters)
                if _is_counter(entry.name, value := document.get(entry.name))
            }
        )

    def _output(self, paths: list[str]) -> CommandOutput:
        texts = [self._tree.read(path) or "" for path in paths]
        code = (self._tree.read(paths[0] + EXIT_ENDING) or "0").strip()
        return CommandOutput(
            exit_code=None if code == TIMED_OUT else int(code) if re.fullmatch(r"-?\d{1,10}", code) else 0,
            stdout="\n".join(texts),
            stderr=self._tree.read(paths[0] + STDERR_ENDING) or "",
        )

    def _infer_system(self) -> str:
        if any(path.startswith(("/proc/", "/sys/")) for path, found in self._paths.items() if found):
            return "Linux"
        programs = {entry.command[0] for entry in COMMANDS if self._commands.get(entry.file)}
        if programs & _DARWIN_PROGRAMS or _DARWIN_SYSCTL.search(self._text_of("sysctl-hw.txt")):
            return "Darwin"
        names = self._tree.paths
        if programs & _WINDOWS_PROGRAMS or any(_WINDOWS_NAME.search(name) for name in names):
            return "Windows"
        return "Linux"

    def _text_of(self, kind: str) -> str:
        return "\n".join(self._tree.read(path) or "" for path in self._commands.get(kind, []))


def supposed_group(paths: Iterable[str]) -> str | None:
    """Text of /proc/self/cgroup for a capture that holds limits of groups and not the name of the process's own.

    Where the groups lie within one another, the process was in the innermost. None at the top alone (a probe looks
    there anyway), and where groups lie beside each other: nobody knows which one was meant.
    """
    known = list(paths)
    for line, limit in _LIMITS.items():
        groups = {match["group"] for path in known if (match := limit.fullmatch(path))}
        innermost = max(groups, key=len, default="")
        if innermost and all(f"{innermost}/".startswith(f"{group}/") for group in groups):
            return f"{line}{innermost}\n"
    return None


def plain_command(command: Sequence[str]) -> list[str]:
    """The words of a command line, with the program's bare name: captures know no folders."""
    if not command:
        return []
    program = command[0]
    if tuple(command) == DESCRIBE_CORE:
        return ["python", "-m", "labkit.engine.native.describe"]
    if program == sys.executable:
        return ["python", *command[1:]]
    bare = PureWindowsPath(program).name if "\\" in program else PurePosixPath(program).name
    return [bare.removesuffix(".exe"), *command[1:]]


def entry_of(words: Sequence[str]) -> CommandFile | None:
    """The entry of COMMANDS with the longest start of a command line; None when there is none."""
    fitting = [entry for entry in COMMANDS if _starts_with(words, entry.command)]
    return max(fitting, key=lambda entry: len(entry.command), default=None)


def _starts_with(words: Sequence[str], start: Sequence[str]) -> bool:
    """Whether the command line starts so; options may stand before and between the words of the start."""
    if not words or words[0] != start[0]:
        return False
    if all(word == wanted or word.startswith(f"{wanted}=") for word, wanted in zip(words, start, strict=False)):
        return len(words) >= len(start)
    return start[0] == "system_profiler" and set(start) <= set(words)


def _choose(files: dict[str, list[str]], label: str, named: NamedFiles) -> list[str]:
    """Files of one kind for one machine, the plainest name first."""
    if label in files:
        chosen = files[label]
    elif "" in files:
        chosen = files[""]
    elif set(files) <= set(named.labels):
        chosen = []  # the file of this kind is another machine's
    else:
        chosen = [path for group in files.values() for path in group]
    return sorted(chosen, key=lambda path: (len(path), path))


def _matches(path: list[str], pattern: list[str]) -> bool:
    return len(path) == len(pattern) and all(fnmatch.fnmatchcase(*pair) for pair in zip(path, pattern, strict=True))


def _json(tree: FileTree, name: str) -> dict[str, Any]:
    try:
        document = json.loads(tree.read(name) or "{}")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _read_index(tree: FileTree) -> dict[str, str]:
    """Command line -> file of the capture, from the file that labkit writes."""
    listed = _json(tree, CAPTURE_FILE).get("commands")
    entries = listed.items() if isinstance(listed, dict) else ()
    return {line: path for line, path in entries if isinstance(path, str) and path in tree.readers}


def _stated_system(tree: FileTree) -> str | None:
    stated = _json(tree, CAPTURE_FILE).get("system")
    return stated if stated in _SYSTEMS else None


def _is_counter(name: str, value: Any) -> bool:
    if name in _TEXT_COUNTERS:
        return isinstance(value, str)
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64


def _refuse_what_is_no_capture(tree: FileTree, named: NamedFiles) -> None:
    """Raises InputError for a profile, and for a folder of several captures. Unknown files are no error."""
    if tree.paths == [tree.name] and tree.name.endswith(".toml"):
        raise InputError(
            f"{tree.name} is a profile of a machine, not a capture", hint=f"labkit recommend --like {tree.name}"
        )
    folders = sorted(
        {path.partition("/")[0] for path in tree.paths if "/" in path} - {*SYSTEM_FOLDERS, COMMANDS_FOLDER}
    )
    known = {
        path
        for kinds in (named.commands, named.paths)
        for files in kinds.values()
        for f in files.values()
        for path in f
    }
    captures = [name for name in folders if any(path.startswith(f"{name}/") for path in known)]
    if len(captures) > 1 and all("/" in path for path in known):
        shown = ", ".join(captures[:3]) + (" ..." if len(captures) > 3 else "")
        raise InputError(
            f"{tree.name} holds {len(captures)} captures: {shown}",
            hint=f"choose one: labkit doctor --replay {tree.name}/{captures[0]}",
        )
