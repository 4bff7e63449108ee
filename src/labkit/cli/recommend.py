"""`labkit recommend`: which model to run on this machine, and why."""

from typing import TYPE_CHECKING, cast

import typer

from labkit.cli import output
from labkit.errors import InputError, InsufficientMemoryError

if TYPE_CHECKING:
    from labkit.hardware import HardwareProfile
    from labkit.settings import Settings

MOST_CONTEXT_TOKENS = 10_000_000


def recommend(
    goal: str = typer.Option("chat", help="What for: chat, code, tools, reasoning or embedding."),
    ctx: int = typer.Option(
        8192, "--ctx", min=256, max=MOST_CONTEXT_TOKENS, metavar="TOKENS", help="Context the model must hold."
    ),
    min_speed: float | None = typer.Option(
        None, "--min-speed", min=0, metavar="TOK/S", help="Leave out slower models.  [default: 8, for tools 15]"
    ),
    top: int = typer.Option(5, "--top", min=1, max=100, help="How many to name."),
    profile: str | None = typer.Option(
        None, "--profile", metavar="FILE|NAME", help="Another machine: a TOML file, or one that labkit knows."
    ),
    explain: bool = typer.Option(False, "--explain", help="Say why for each, and what was left out for which reason."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Recommend models that fit this machine, best sourced score first.

    Memory and speed are estimated before anything is downloaded. Scores are published ones, with their source.

    Example: labkit recommend --goal code --ctx 16384 --explain
    """
    from labkit import recommend as library
    from labkit.catalog import load_catalog
    from labkit.cli.recommend_report import print_ranking
    from labkit.estimate import machine_from_profile
    from labkit.settings import load_settings

    if goal not in library.GOALS:
        raise InputError(f"'{goal}' is not a goal", hint=f"--goal takes one of: {', '.join(library.GOALS)}")
    settings = load_settings()
    machine = machine_from_profile(_profile(profile, settings))
    catalog = load_catalog(settings.catalog_folder)
    wish = library.Wish(cast("library.Goal", goal), ctx, min_speed, top)
    ranking = library.rank(machine, catalog, wish)
    here = library.embedded_recommendation(machine, wish)
    if as_json:
        output.print_json({"ranking": ranking, "already_here": here})
    else:
        print_ranking(ranking, here, catalog, settings, explain=explain)


def _profile(name_or_path: str | None, settings: "Settings") -> "HardwareProfile":
    """The machine asked for: this one by default."""
    from labkit.hardware import find_profile

    return _this_machine(settings) if name_or_path is None else find_profile(name_or_path, settings)


def _this_machine(settings: "Settings") -> "HardwareProfile":
    """The machine labkit runs on, with the bandwidth measured before; the first time it is measured now."""
    from dataclasses import replace

    from labkit.hardware import detect_hardware, load_or_measure_bandwidth

    found = detect_hardware(settings, measure=False)
    if found.measured is not None:
        return found
    try:
        with output.talk().status("measuring this machine's memory, once"):
            return replace(found, measured=load_or_measure_bandwidth(settings))
    except InsufficientMemoryError:
        return found
