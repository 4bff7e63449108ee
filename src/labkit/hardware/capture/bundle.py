"""A support bundle: what this machine said, redacted, as a folder or an archive that `labkit doctor --replay` reads."""

import dataclasses
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from labkit.errors import InputError
from labkit.hardware.capture.layout import (
    CAPTURE_FILE,
    COMMANDS_FOLDER,
    COUNTERS_FILE,
    EXIT_ENDING,
    README_FILE,
    STDERR_ENDING,
    TIMED_OUT,
)
from labkit.hardware.capture.record import Recording, RecordingSource, run_support_commands
from labkit.hardware.capture.redact import Redactor, redactor_of_this_machine
from labkit.hardware.capture.replay import entry_of
from labkit.hardware.source import CommandOutput, Source

FORMAT = 1
_README = """\
A machine as labkit saw it. One file for each command or path that was read:

  proc/..., sys/..., etc/...   the files of these names
  nvidia-smi.txt, lspci.txt    what these commands printed; <file>.exit is the exit code, <file>.stderr the errors
  commands/                    other command lines; labkit-capture.json says which
  labkit-counters.json         counts of cores and bytes

Serial numbers, UUIDs, network addresses, machine ids, names of people and machines, and lists of running programs
were removed by rules. Rules miss things: look through the files before you share them.

To see what labkit concludes from it:  labkit doctor --replay <this file or folder>
"""
_MOUNTS = "/proc/self/mountinfo"
# Of these files only some lines concern labkit; the rest tells what else runs or is mounted.
_KEPT_LINES = {
    _MOUNTS: re.compile(r" - cgroup2? |^\S+ \S+ \S+ \S+ (/|/etc/hosts|/proc/\S+) "),
    "/proc/self/status": re.compile(r"^(Cpus|Mems)_allowed"),
    "/proc/version": re.compile(r"^Linux"),
}
# systeminfo speaks the system's language, so its keys cannot be told: only its amounts of memory are kept.
_KEPT_OF_OUTPUT = {"systeminfo.txt": re.compile(r"\d\s*(MB|Mo|МБ)\s*$")}
# What is mounted from where, behind the kind of file system: a container is told without it.
_MOUNTED_FROM = re.compile(r"(?<= - )(?!cgroup2? )(\S+) .*")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A written bundle. `files`: name -> size in bytes."""

    path: Path
    files: dict[str, int]


def check_target(path: Path, *, force: bool) -> None:
    """Raises InputError when a bundle must not or cannot be written there: a folder is never written over."""
    if path.is_dir() and any(path.iterdir()):
        raise InputError(f"the folder {path} is not empty", hint="name a new folder, or a file such as machine.zip")
    if path.is_file() and not force:
        raise InputError(f"{path} exists", hint=f"write over it: labkit doctor --bundle {path} --force")
    if not path.absolute().parent.is_dir():
        raise InputError(f"there is no folder {path.parent}", hint=f"make it first: mkdir -p {path.parent}")


def collect(source: Source, detect: Callable[[Source], object], *, progress: Callable[[str], None]) -> Recording:
    """Everything that `detect` asks of a machine, and what else helps to understand it. Blocks some seconds."""
    recorder = RecordingSource(source)
    detect(recorder)
    run_support_commands(recorder, progress=progress)
    return recorder.recording


def lay_out(recording: Recording, redactor: Redactor, labkit_version: str) -> dict[str, str]:
    """Name -> text of every file of a bundle, redacted."""
    files: dict[str, str] = {}
    index: dict[str, str] = {}
    for name, words, output in _named(recording):
        line = redactor.redact(" ".join(words))
        index[line] = name
        files |= _output_files(name, output, redactor)
    for path, text in recording.files.items():
        files[redactor.redact(path).lstrip("/")] = redactor.redact(_concerning(path, text))
    facts = {
        "format": FORMAT,
        "labkit": labkit_version,
        "captured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": recording.system,
        "commands": index,
    }
    known = {name: value for name, value in dataclasses.asdict(recording.counters).items() if value is not None}
    return {
        README_FILE: _README,
        CAPTURE_FILE: json.dumps(facts, indent=2) + "\n",
        COUNTERS_FILE: redactor.redact(json.dumps(known, indent=2) + "\n"),
        **dict(sorted(files.items())),
    }


def write_bundle(path: Path, files: dict[str, str]) -> Bundle:
    """Write a .zip, a .tar.gz, or a folder, by the name's ending. Raises InputError when the system refuses."""
    contents = {name: text.encode("utf-8", errors="replace") for name, text in files.items()}
    try:
        if path.name.lower().endswith((".tar.gz", ".tgz")):
            _replace(path, _tar_bytes(contents))
        elif path.suffix.lower() == ".zip":
            _replace(path, _zip_bytes(contents))
        else:
            _write_folder(path, contents)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}", hint="choose another place") from error
    return Bundle(path, {name: len(data) for name, data in contents.items()})


def redacted_files(recording: Recording, labkit_version: str) -> dict[str, str]:
    """`lay_out` with the names of this machine and its user removed."""
    return lay_out(recording, redactor_of_this_machine(), labkit_version)


def _concerning(path: str, text: str) -> str:
    """The lines of a file that probes read."""
    kept = _matching(_KEPT_LINES.get(path), text)
    return _MOUNTED_FROM.sub(r"\1 none rw", kept) if path == _MOUNTS else kept


def _matching(pattern: re.Pattern[str] | None, text: str) -> str:
    if pattern is None:
        return text
    return "".join(line for line in text.splitlines(keepends=True) if pattern.search(line))


def _named(recording: Recording) -> list[tuple[str, tuple[str, ...], CommandOutput]]:
    """A file name for each command line: of those that share an entry of the layout, one takes its name."""
    named: list[tuple[str, tuple[str, ...], CommandOutput]] = []
    chosen: dict[str, tuple[str, ...]] = {}
    for words, output in recording.commands.items():
        entry = entry_of(words)
        if entry and (entry.file not in chosen or output.succeeded):
            chosen[entry.file] = words
    by_words = {words: file for file, words in chosen.items()}
    for number, (words, output) in enumerate(recording.commands.items(), 1):
        slug = re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-")[:60]
        named.append((by_words.get(words) or f"{COMMANDS_FOLDER}/{number:02d}-{slug}.txt", words, output))
    return named


def _output_files(name: str, output: CommandOutput, redactor: Redactor) -> dict[str, str]:
    files = {name: redactor.redact(_matching(_KEPT_OF_OUTPUT.get(name), output.stdout))}
    if output.exit_code != 0:
        files[name + EXIT_ENDING] = f"{TIMED_OUT if output.exit_code is None else output.exit_code}\n"
    if output.stderr.strip():
        files[name + STDERR_ENDING] = redactor.redact(output.stderr)
    return files


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(data)
    draft.replace(path)


def _zip_bytes(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _tar_bytes(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), int(datetime.now(UTC).timestamp())
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _write_folder(folder: Path, contents: dict[str, bytes]) -> None:
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
