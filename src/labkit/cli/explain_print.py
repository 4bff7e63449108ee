"""Prints what `labkit explain` found. What a client wrote may hold control characters: none reaches the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from labkit.cli import output
from labkit.cli.explain_report import groups, heading, recent_row

_LABEL_WIDTH = 14
_SHOWN_ID = 20
_COLUMNS = ("ID", "came", "what", "model", "end", "tokens", "took")


def print_explanation(found: Mapping[str, Any]) -> None:
    """The whole report, the prompt last."""
    from rich.text import Text

    failed = found["error"] is not None or found["state"] == "client left"
    _line(Text(_harmless(heading(found)), style="bold red" if failed else "bold"))
    for group in groups(found):
        _line(Text(group.title, style="bold"))
        for label, text in group.rows:
            _row(label, _harmless(text))
    _line(Text("Prompt", style="bold"))
    if found["prompt"] is not None:
        for line in found["prompt"].split("\n"):
            _row("", _harmless(line))
    else:
        _row(found.get("prompt_hint") or "the worker did not tell it", "")


def print_recent(recent: Sequence[Mapping[str, Any]]) -> None:
    """A table, newest first."""
    import typer
    from rich.text import Text

    if not recent:
        typer.echo("no request is remembered yet", err=True)
        return
    id_chars = _SHOWN_ID if output.console().is_terminal else None  # a program gets all of it
    rows = [tuple(map(_harmless, recent_row(found))) for found in recent]
    rows = [(row[0][:id_chars], *row[1:]) for row in rows]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    styles = ["bold", *("red" if found["error"] else "" for found in recent)]
    for row, style in zip((_COLUMNS, *rows), styles, strict=True):
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        _line(Text("  ".join(cells).rstrip(), style=style))
    typer.echo("one of them: labkit explain ID (its beginning is enough)", err=True)


def _row(label: str, text: str) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console = output.console()
    head = Text()
    head.append(f"  {label:<{_LABEL_WIDTH}}" if text and label else f"  {label}", style="dim")
    if not console.is_terminal or not label or not text:
        _line(head + Text(text))
        return
    lines = Text(text).wrap(console, max(console.width - _LABEL_WIDTH - 2, 20))
    for number, line in enumerate(lines):
        if number == 0:
            _line(head + line)
        else:
            console.print(Padding(line, (0, 0, 0, _LABEL_WIDTH + 2)))


def _line(text: Any) -> None:
    output.console().print(text)


def _harmless(text: str) -> str:
    """`text` without what a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in text
    )
