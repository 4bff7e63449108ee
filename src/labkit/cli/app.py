"""Registers every command. Heavy libraries are imported inside commands: `labkit --help` stays instant."""

import sys
from collections.abc import Callable

import typer
from typer.core import TyperGroup

from labkit import __version__
from labkit.cli import (
    adopt,
    bench,
    bundle,
    chat,
    config,
    demo,
    doctor,
    errors,
    explain,
    keys,
    lock,
    logs,
    models,
    pull,
    recommend,
    running,
    serve,
    service,
    store,
    tune,
    usage,
)

# In the order of a day, which is the order of the help.
PARTS: tuple[typer.Typer | Callable[..., None], ...] = (
    demo.demo,
    doctor.doctor,
    recommend.recommend,
    models.app,
    pull.pull,
    adopt.adopt,
    store.ls,
    models.show,
    store.rm,
    store.verify,
    store.gc,
    store.du,
    lock.lock,
    lock.sync,
    lock.diff,
    bundle.app,
    serve.serve,
    running.ps,
    running.stop,
    logs.logs,
    config.app,
    service.app,
    keys.app,
    usage.usage,
    chat.chat,
    explain.explain,
    bench.app,
    tune.app,
)


class _InOrder(TyperGroup):
    """Lists commands and groups of commands as they stand above; by itself, groups come last."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002 - as it is called
        return [_name(part) for part in PARTS]


def _name(part: typer.Typer | Callable[..., None]) -> str:
    return str(part.info.name) if isinstance(part, typer.Typer) else part.__name__


app = typer.Typer(
    name="labkit",
    cls=_InOrder,
    help="A practice lab for running, measuring and fine-tuning AI models on your own machine.",
    epilog="Start with: labkit demo",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"labkit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
    ),
) -> None:
    """Options of labkit itself."""


for _part in PARTS:
    if isinstance(_part, typer.Typer):
        app.add_typer(_part)
    else:
        app.command()(_part)


def main() -> None:
    """Entry point: runs a command and turns every labkit error into a message and an exit code."""
    sys.exit(errors.run(app))
