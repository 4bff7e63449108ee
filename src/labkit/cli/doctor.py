"""`labkit doctor`: what this machine has, what labkit can use of it, and what to put right."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli import output
from labkit.errors import InputError

if TYPE_CHECKING:
    from labkit.hardware import HardwareProfile


def doctor(
    as_json: bool = typer.Option(False, "--json", help="Print the hardware profile as JSON."),
    quick: bool = typer.Option(False, "--quick", help="Measure nothing; show what was measured before."),
    profile: bool = typer.Option(
        False, "--profile", help="Print the hardware profile as TOML, like the files in hardware_profiles/."
    ),
    sources: bool = typer.Option(False, "--sources", help="Show every fact with where it comes from."),
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle", metavar="FILE", help="Write what this machine says, redacted: .zip, .tar.gz, a folder."
        ),
    ] = None,
    force: bool = typer.Option(False, "--force", help="With --bundle: write over a file."),
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="DIR|FILE", help="Look over a bundle or other captured texts instead."),
    ] = None,
) -> None:
    """Show what this machine has, and what to put right.

    Memory, GPU, native core, the tier that follows, problems with their fixes; without --quick also how fast memory
    and the native core are, which takes about 15 seconds and makes predictions of speed true.

    Exits with 1 when labkit cannot run a model here, else with 0, warnings included.

    Example: labkit doctor --quick
    """
    if as_json and profile:
        raise InputError("--json and --profile are two forms of one output", hint="labkit doctor --json")
    if bundle is not None:
        from labkit.cli.doctor_bundle import write

        if replay is not None or profile or sources:
            raise InputError(
                "--bundle writes what this machine says, and shows no report", hint="labkit doctor --bundle x.zip"
            )
        write(bundle, force=force, as_json=as_json)
        return
    if force:
        raise InputError("--force belongs to --bundle", hint="labkit doctor --bundle machine.zip --force")
    found = _captured(replay) if replay is not None else _this_machine(quick=quick)
    heading, summary, seen = found
    _show(seen, summary, heading, as_json=as_json, as_toml=profile, sources=sources)
    if replay is None and not seen.can_run_models:
        raise typer.Exit(1)


Found = tuple[str, dict[str, object], "HardwareProfile"]


def _captured(place: Path) -> Found:
    from labkit.hardware.captured import detect_captured

    found = detect_captured(place)
    return f"replayed from {found.name}", found.summary, found.profile


def _this_machine(*, quick: bool) -> Found:
    from labkit.hardware.source import begin_detection

    machine = begin_detection()  # before the slow imports
    from labkit.hardware import detect_hardware
    from labkit.hardware.summary import summarize
    from labkit.settings import load_settings

    if quick:
        with output.status("looking over this machine"):
            found = detect_hardware(load_settings(), measure=False, source=machine)
    else:
        from labkit.cli.doctor_measure import detect_and_measure

        found = detect_and_measure(load_settings(), machine)
    return "", summarize(found), found


def _show(
    found: "HardwareProfile", summary: dict[str, object], heading: str, *, as_json: bool, as_toml: bool, sources: bool
) -> None:
    if as_json:
        output.print_json(output.plain(found) | {"summary": summary})
    elif as_toml:
        from labkit.hardware import render_toml

        typer.echo(render_toml(found), nl=False)
    else:
        from labkit.cli.doctor_print import print_report

        print_report(found, heading=heading, sources=sources)
