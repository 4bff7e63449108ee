"""`labkit config`: the configuration file of `labkit serve`."""

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli import output

app = typer.Typer(
    name="config", help="The configuration file of labkit serve.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The one that `labkit serve` would read, without.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what the file says, in bytes and seconds.")] = False,
) -> None:
    """Check a file: every problem with its line, then whether its models are here and fit into memory.

    Example: labkit config check labkit.toml
    """
    from labkit.errors import InputError
    from labkit.serving import plan_wishes
    from labkit.serving.config_file import config_places, find_config, read_config
    from labkit.serving.wishes import Typed, wishes_of
    from labkit.settings import load_settings

    settings = load_settings()
    path = file or find_config(settings)
    if path is None:
        place = config_places(settings)[0]
        raise InputError("there is no configuration file", hint=f"write one at {place}, or name it")
    config = read_config(path)
    names, wishes = wishes_of(config, Typed(), settings)
    plan = plan_wishes(names, settings, wishes)
    if as_json:
        output.print_json(config.model_dump(mode="json", exclude_unset=True))
        return
    served = ", ".join(model.ref.name for model in plan.models) or "no model by name"
    rest = ", and every other model on this machine" if plan.whole_store else ""
    output.talk().print(f"{path} is valid: {served}{rest}", soft_wrap=True)


@app.command()
def schema() -> None:
    """Print the file's JSON Schema, for editors.

    Example: labkit config schema > labkit.schema.json
    """
    from labkit.serving.config import json_schema

    output.print_json(json_schema())


@app.command()
def path() -> None:
    """Print where a file is looked for; the first that is there is read.

    Example: labkit config path
    """
    from labkit.serving.config_file import config_places
    from labkit.settings import load_settings

    for place in config_places(load_settings()):
        typer.echo(f"{place}{'' if place.is_file() else '  (not there)'}")
