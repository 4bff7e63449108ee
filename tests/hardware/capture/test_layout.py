from pathlib import Path

from labkit.hardware import capture
from labkit.hardware.capture.layout import COMMANDS, LONE_PATHS

README = Path(capture.__file__).with_name("README.md")


def _cell(command):
    words = [word for word in command if word not in ("-NoProfile", "-Command")]
    return " ".join(words).partition(" |")[0]


def table():
    """The tables of the README, from the layout: paste what a failure prints."""
    commands = [
        f"| `{entry.file}` | `{_cell(entry.command)}` | {', '.join(f'`{name}`' for name in entry.also)} |"
        for entry in COMMANDS
    ]
    paths = [f"| `{name}` | `{path}` |" for name, path in LONE_PATHS.items()]
    return commands, paths


def test_the_readme_lists_the_layout():
    commands, paths = table()
    text = README.read_text(encoding="utf-8")
    head, _, rest = text.partition("| file | command | also found as |\n|---|---|---|\n")
    assert head
    assert rest.split("\n\n")[0].splitlines() == commands
    assert text.partition("| name | path |\n|---|---|\n")[2].strip().splitlines() == paths


def test_every_file_and_command_is_there_once():
    files = [entry.file.lower() for entry in COMMANDS]
    assert len(set(files)) == len(files)
    assert len({entry.command for entry in COMMANDS}) == len(COMMANDS)
