"""`labkit doctor`: what this machine has, what labkit can use of it, and what to put right."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli import output
from labkit.errors import InputError

if TYPE_CHECKING:
    from rich.text import Text

    from labkit.hardware import HardwareProfile

_LABEL_WIDTH = 16
_MARKS = {"error": ("error", "bold red"), "warning": ("warning", "yellow"), "note": ("note", "cyan")}


def doctor(
    as_json: bool = typer.Option(False, "--json", help="Print the hardware profile as JSON."),
    quick: bool = typer.Option(False, "--quick", help="Measure nothing; show what was measured before."),
    profile: bool = typer.Option(
        False, "--profile", help="Print the hardware profile as TOML, like the files in hardware_profiles/."
    ),
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="DIR|FILE", help="Look over a captured machine instead of this one."),
    ] = None,
) -> None:
    """Show what this machine has, and what to put right.

    Memory, GPU, native core, memory bandwidth, the tier that follows, and problems with their fixes.

    Exits with 1 when labkit cannot run a model here, else with 0, warnings included.

    Example: labkit doctor --quick
    """
    from labkit.hardware import detect_hardware, render_toml
    from labkit.hardware.summary import summarize
    from labkit.settings import load_settings

    if as_json and profile:
        raise InputError("--json and --profile are two forms of one output", hint="labkit doctor --json")
    if replay is not None:
        _show_captured(replay, as_json=as_json, as_toml=profile)
        return
    settings = load_settings()
    with output.talk().status("looking over this machine" + ("" if quick else ", measuring its memory")):
        found = detect_hardware(settings, measure=not quick)
    if as_json:
        output.print_json(output.plain(found) | {"summary": summarize(found)})
    elif profile:
        typer.echo(render_toml(found), nl=False)
    else:
        _print_report(found)
    if not found.can_run_models:
        raise typer.Exit(1)


def _show_captured(place: Path, *, as_json: bool, as_toml: bool) -> None:
    from labkit.hardware import render_toml
    from labkit.hardware.captured import detect_captured

    found = detect_captured(place)
    if as_json:
        output.print_json(output.plain(found.profile) | {"summary": found.summary})
    elif as_toml:
        typer.echo(render_toml(found.profile), nl=False)
    else:
        _print_line(f"replayed from {found.name}")
        _print_report(found.profile)


def _print_report(profile: "HardwareProfile") -> None:
    from rich.text import Text

    from labkit.cli.doctor_report import report_groups
    from labkit.hardware import render_verdict

    for group in report_groups(profile):
        _print_line(Text(group.title, style="bold"))
        for label, value in group.rows:
            _print_row(label, value)
    _print_line(Text("Problems", style="bold"))
    for problem in profile.problems:
        mark, style = _MARKS[problem.severity]
        _print_row(mark, problem.what, style)
        if problem.fix:
            # The terminal may wrap it, labkit may not: a wrapped command could not be copied.
            _print_row("", f"-> {problem.fix}", wrap=False)
    if not profile.problems:
        _print_row("none", "")
    _print_line(Text())
    _print_line(Text(render_verdict(profile), style="bold" if profile.can_run_models else "bold red"))


def _print_row(label: str, value: str, style: str = "", *, wrap: bool = True) -> None:
    """A row with its text wrapped under itself on a terminal, and whole on one line in a pipe."""
    from rich.text import Text

    console = output.console()
    head = Text(f"  {label:<{_LABEL_WIDTH}}" if value else f"  {label}", style=style)
    if not (console.is_terminal and wrap):
        console.print(head + Text(value), soft_wrap=True)
        return
    first, *rest = Text(value).wrap(console, max(20, console.width - len(head))) or [Text()]
    console.print(head + first)
    for line in rest:
        console.print(Text(" " * len(head)) + line)


def _print_line(text: "Text | str" = "") -> None:
    output.console().print(text, soft_wrap=not output.console().is_terminal)
