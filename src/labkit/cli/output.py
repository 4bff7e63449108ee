"""Where commands print: data to stdout, talk to stderr; tables for people, `--json` for programs."""

import contextlib
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def console() -> "Console":
    """Console for data (stdout). Plain text without colours when it is not a terminal."""
    from rich.console import Console

    class DataConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit with 1, which says that the command failed

    return DataConsole(highlight=False, soft_wrap=not sys.stdout.isatty())


def talk() -> "Console":
    """Console for everything said beside the data (stderr)."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def status(text: str) -> "contextlib.AbstractContextManager[object]":
    """A spinner on the terminal while something short is done; nothing, not even rich, where nobody looks."""
    return talk().status(text) if sys.stderr.isatty() else contextlib.nullcontext()


def print_json(value: object) -> None:
    """Print a dataclass, or anything of lists, dicts and scalars, as JSON to stdout."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()  # a program may wait for it at the other end of a pipe


def print_json_line(value: object) -> None:
    """Like print_json, on one line: for commands that print several values."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """`value` in JSON's own types: dataclasses become objects, paths and enums their text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value
