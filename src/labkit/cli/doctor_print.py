"""Prints the report of `labkit doctor`: groups of rows, problems with their fixes, and the verdict."""

from typing import TYPE_CHECKING

from labkit.cli import output

if TYPE_CHECKING:
    from rich.text import Text

    from labkit.hardware import HardwareProfile

_LABEL_WIDTH = 16
_MARKS = {"error": ("error", "bold red"), "warning": ("warning", "yellow"), "note": ("note", "cyan")}


def print_report(profile: "HardwareProfile", *, heading: str = "", sources: bool = False) -> None:
    """The whole report. `heading`: of a captured machine, before it; `sources`: every fact with where it is from."""
    from rich.text import Text

    from labkit.cli.doctor_report import report_groups
    from labkit.hardware import render_verdict

    if heading:
        _print_line(Text(heading))
    for group in report_groups(profile, captured=bool(heading)):
        _print_line(Text(group.title, style="bold"))
        for label, value in group.rows:
            _print_row(label, value)
    if sources:
        _print_sources(profile)
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


def _print_sources(profile: "HardwareProfile") -> None:
    from rich.text import Text

    from labkit.cli.doctor_report import source_rows

    _print_line(Text("Sources", style="bold"))
    for fact, origin in source_rows(profile):
        _print_row(fact, origin, width=40)


def _print_row(label: str, value: str, style: str = "", *, wrap: bool = True, width: int = _LABEL_WIDTH) -> None:
    """A row with its text wrapped under itself on a terminal, and whole on one line in a pipe."""
    from rich.text import Text

    console = output.console()
    head = Text(f"  {label:<{width}}" if value else f"  {label}", style=style)
    if not (console.is_terminal and wrap):
        console.print(head + Text(value), soft_wrap=True)
        return
    first, *rest = Text(value).wrap(console, max(20, console.width - len(head))) or [Text()]
    console.print(head + first)
    for line in rest:
        console.print(Text(" " * len(head)) + line)


def _print_line(text: "Text") -> None:
    output.console().print(text, soft_wrap=not output.console().is_terminal)
