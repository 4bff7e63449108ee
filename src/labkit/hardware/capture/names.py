"""Which file of a capture answers which command or path, by its name, and by its content where the name is foreign.

Files of one kind with different words after the name (lspci-desktop.txt, lspci-laptop.txt) are different machines:
each word is a label, and one machine is read with one label.
"""

import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from labkit.hardware.capture.layout import (
    CAPTURE_FILE,
    COMMANDS,
    COUNTERS_FILE,
    EXIT_ENDING,
    FORMS,
    LONE_PATHS,
    README_FILE,
    STDERR_ENDING,
    SYSTEM_FOLDERS,
)
from labkit.hardware.capture.signs import recognise
from labkit.hardware.capture.tree import FileTree

_BREAKS = re.compile(r"[-_. ]+")
_ENDING = re.compile(r"(\.(txt|json|csv|xml|log|out|text|partial|excerpt))+$", re.IGNORECASE)
# Folders of a path, written into the name of a file.
_FLATTENED = (
    "proc-self-",
    "proc_self_",
    "proc-",
    "proc_",
    "sys-fs-cgroup-",
    "sys_fs_cgroup_",
    "sys-",
    "sys_",
    "etc-",
    "",
)
_OWN = (CAPTURE_FILE, COUNTERS_FILE, README_FILE)


@dataclass(slots=True)
class NamedFiles:
    """Files by what they answer: a file name of COMMANDS or an absolute path -> label -> paths in the capture.

    Attributes:
        unknown: files that answer nothing.
    """

    commands: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    paths: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    unknown: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """Machines in one capture: the labels of a kind that has several and no file without one. Often empty."""
        joined = {entry.file for entry in COMMANDS if entry.joined}
        kinds = [kind for name, kind in {**self.commands, **self.paths}.items() if name not in joined]
        return sorted({label for kind in kinds if len(kind) > 1 and "" not in kind for label in kind})


def name_files(tree: FileTree, taken: Iterable[str] = ()) -> NamedFiles:
    """Sort the files of a capture. `taken`: paths that an index names already."""
    found = NamedFiles()
    left = [path for path in tree.paths if path not in {*taken, *_OWN} and not _beside(path, tree)]
    for path in left:
        top, inside, _ = path.partition("/")
        if inside and top in SYSTEM_FOLDERS:
            found.paths[f"/{path}"][""].append(path)
        elif (named := _command_of(path)) is not None:
            found.commands[named[0]][named[1]].append(path)
        elif (named := _path_of(path)) is not None:
            found.paths[named[0]][named[1]].append(path)
        else:
            _by_content(tree, path, found)
    return found


def label_of(name: str, stem: str) -> str | None:
    """The words of `name` after `stem` that are no form of output, joined; None when it does not start so."""
    plain = _ENDING.sub("", name.lower())
    if not plain.startswith(stem.lower()):
        return None
    rest = plain[len(stem) :]
    if rest and not _BREAKS.match(rest):
        return None
    words = [word for word in _BREAKS.split(rest) if word]
    while words and words[0] in FORMS:
        words.pop(0)
    while (
        words and words[-1] in FORMS and len(words[-1]) > 2
    ):  # "-a" and "-v" are options in front, machines at the end
        words.pop()
    return "-".join(words)


def _command_of(path: str) -> tuple[str, str] | None:
    """(file of COMMANDS, label), of the entry whose name fits best: exactly, then with the longest start."""
    name = path.rpartition("/")[2].lower()
    best: tuple[tuple[bool, int, bool], str, str] | None = None
    for entry in COMMANDS:
        own = entry.file.rpartition(".")[0].lower()
        patterns = [(own, f"{own}*", False), *((_stem(also), also.lower(), True) for also in entry.also)]
        for stem, pattern, foreign in patterns:
            label = label_of(name, stem)
            if label is None or not fnmatch.fnmatchcase(name, pattern):
                continue
            score = (name == entry.file.lower(), len(stem), foreign)
            if best is None or score > best[0]:
                best = (score, entry.file, label)
    return best[1:] if best else None


def _stem(pattern: str) -> str:
    return pattern.partition("*")[0].rstrip("-_.").lower()


def _path_of(path: str) -> tuple[str, str] | None:
    name = path.rpartition("/")[2].lower()
    for prefix in _FLATTENED:
        inner = name.removeprefix(prefix)
        labelled = [(stem, label_of(inner, stem)) for stem in LONE_PATHS]
        fitting = [(stem, label) for stem, label in labelled if label is not None]
        if fitting:
            stem, label = max(fitting, key=lambda item: len(item[0]))
            return LONE_PATHS[stem], label
    return None


def _beside(path: str, tree: FileTree) -> bool:
    """Whether it holds the exit code or the errors of another file."""
    endings = (EXIT_ENDING, STDERR_ENDING)
    return any(path.endswith(ending) and path.removesuffix(ending) in tree.readers for ending in endings)


def _by_content(tree: FileTree, path: str, found: NamedFiles) -> None:
    kind = recognise(tree.start(path))
    if kind is None:
        found.unknown.append(path)
    elif kind.startswith("/"):
        found.paths[kind][""].append(path)
    else:
        found.commands[kind][""].append(path)
