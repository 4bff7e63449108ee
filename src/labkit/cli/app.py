"""Registers every command. Heavy libraries are imported inside commands: `labkit --help` stays instant."""

import sys

import typer

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

app = typer.Typer(
    name="labkit",
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


app.command()(demo.demo)
app.command()(doctor.doctor)
app.command()(recommend.recommend)
app.add_typer(models.app)
app.command()(pull.pull)
app.command()(adopt.adopt)
app.command()(store.ls)
app.command()(models.show)
app.command()(store.rm)
app.command()(store.verify)
app.command()(store.gc)
app.command()(store.du)
app.command()(lock.lock)
app.command()(lock.sync)
app.command()(lock.diff)
app.add_typer(bundle.app)
app.command()(serve.serve)
app.command()(running.ps)
app.command()(running.stop)
app.command()(logs.logs)
app.add_typer(config.app)
app.add_typer(service.app)
app.add_typer(keys.app)
app.command()(usage.usage)
app.command()(chat.chat)
app.command()(explain.explain)
app.add_typer(bench.app)
app.add_typer(tune.app)


def main() -> None:
    """Entry point: runs a command and turns every labkit error into a message and an exit code."""
    sys.exit(errors.run(app))
