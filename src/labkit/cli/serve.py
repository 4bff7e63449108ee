"""`labkit serve`: an endpoint for one, several or all models of this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli.flag_groups import given_in, grouped
from labkit.cli.interrupts import interrupts_end_at_once
from labkit.cli.serve_options import AccessFlags, EndpointFlags, EngineFlags, NameFlags, ObservingFlags
from labkit.cli.serve_output import say, tell

if TYPE_CHECKING:
    from labkit.serving.config import ConfigFile
    from labkit.settings import Settings


@grouped
def serve(
    endpoint: EndpointFlags,
    names: NameFlags,
    engine: EngineFlags,
    access: AccessFlags,
    observing: ObservingFlags,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL", help="Names of models, or paths of .gguf files; every model on this machine without."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Configuration file.  [default: labkit.toml in the data folder, if there]"),
    ] = None,
    no_config: Annotated[bool, typer.Option("--no-config", help="Read no configuration file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="When ready, print one JSON object with the URL.")] = False,
) -> None:
    """Serve models by the APIs of OpenAI, Anthropic and Ollama until Ctrl-C.

    One model is loaded at once and stays; several are loaded when they are first asked for, and leave when nobody
    does, or when another one needs the memory. Each runs in a process of its own: when that one crashes, it is
    restarted, and the endpoint stays up. What is typed here wins over the configuration file.

    Example: labkit serve nano --port 0
    """
    with interrupts_end_at_once():
        from labkit.serving import plan_wishes
        from labkit.serving import serve as run_endpoint
        from labkit.serving.wishes import Typed, wishes_of
        from labkit.settings import load_settings

    settings = load_settings()
    typed = Typed(
        models=tuple(models or ()),
        endpoint=given_in(endpoint),
        engine=given_in(engine),
        access=given_in(access),
        observing=given_in(observing),
        adapters=tuple(_adapter(text) for text in names.adapter or ()),
        aliases=dict(_alias(text) for text in names.alias or ()),
    )
    found, wishes = wishes_of(_config(config, settings, is_read=not no_config), typed, settings)
    if note := wishes.observing.note():
        say(note)
    run_endpoint(plan_wishes(found, settings, wishes), lambda event: tell(event, as_json))


def _config(path: Path | None, settings: "Settings", *, is_read: bool) -> "ConfigFile":
    from labkit.serving.config import ConfigFile
    from labkit.serving.config_file import find_config, read_config

    if not is_read:
        return ConfigFile()
    path = path or find_config(settings)
    if path is None:
        return ConfigFile()
    say(f"configuration: {path}")
    return read_config(path)


def _adapter(text: str) -> tuple[str, Path]:
    from labkit.errors import InputError

    name, _, path = text.partition("=")
    if not name or not Path(path).is_file():
        raise InputError(f"--adapter {text}: there is no such file", hint="write it as --adapter NAME=FILE.gguf")
    return name, Path(path).absolute()


def _alias(text: str) -> tuple[str, str]:
    from labkit.errors import InputError

    name, _, model = text.partition("=")
    if not name or not model:
        raise InputError(f"--alias {text} names no model", hint="write it as --alias NAME=MODEL")
    return name, model
