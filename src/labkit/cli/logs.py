"""`labkit logs`: what endpoints and their workers wrote down."""

from typing import Annotated

import typer


def logs(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Its worker's log; the endpoint's without.")
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with new lines until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines.")] = 50,
) -> None:
    """Print the end of a log: times, states and reasons, never what was asked or answered.

    Example: labkit logs nano -f
    """
    from labkit.serving.log_reader import find_log, following, tail
    from labkit.settings import load_settings

    path = find_log(load_settings(), model)
    for line in following(path, lines) if follow else tail(path, lines):
        typer.echo(line)
