"""`labkit service`: an endpoint that starts with the user's session, by systemd or launchd."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli import output
from labkit.errors import InputError, MachineError

if TYPE_CHECKING:
    from labkit.serving.service_unit import Service

app = typer.Typer(
    name="service", help="Start labkit serve with your session.", no_args_is_help=True, rich_markup_mode=None
)
_PASSED_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}
Options = Annotated[
    list[str] | None, typer.Argument(metavar="SERVE-OPTIONS", help="What `labkit serve` is started with.")
]
COMMAND_SECONDS = 60


@app.command(context_settings=_PASSED_ON)
def show(options: Options = None) -> None:
    """Print the definition that `install` would write, and change nothing.

    Example: labkit service show nano --keep-alive forever
    """
    service = _service(options or [])
    output.talk().print(f"{service.path}:", soft_wrap=True)
    typer.echo(service.text, nl=False)


@app.command(context_settings=_PASSED_ON)
def install(options: Options = None) -> None:
    """Write the definition for the current user, and start it now and with every session.

    Example: labkit service install nano
    """
    service = _service(options or [])
    service.path.parent.mkdir(parents=True, exist_ok=True)
    service.path.write_text(service.text, encoding="utf-8")
    output.talk().print(f"wrote {service.path}", soft_wrap=True)
    _run_all(service.start)
    output.talk().print("started; see: labkit service status, labkit ps")
    if sys.platform == "linux":
        output.talk().print("it ends with your session; to keep it running without one: loginctl enable-linger")


@app.command()
def uninstall() -> None:
    """Stop it, and remove the definition.

    Example: labkit service uninstall
    """
    service = _service([])
    if not service.path.exists():
        raise InputError("no service is installed", hint="labkit service install")
    try:
        _run_all(service.stop)
    except MachineError as error:  # no session of its manager: what is not there need not be stopped
        output.talk().print(f"it may still run: {error.message}; {error.hint}", soft_wrap=True)
    service.path.unlink(missing_ok=True)
    output.talk().print(f"removed {service.path}", soft_wrap=True)


@app.command()
def status() -> None:
    """Say whether it is installed, and what the system's service manager says of it.

    Example: labkit service status
    """
    service = _service([])
    if not service.path.exists():
        typer.echo("not installed")
        return
    typer.echo(f"installed: {service.path}")
    if _is_missing(service.status):
        return
    found = subprocess.run(service.status, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
    typer.echo((found.stdout or found.stderr).rstrip())


def _service(options: Sequence[str]) -> "Service":
    import os

    from labkit.serving.service_unit import kept_environment, launchd_service, systemd_service
    from labkit.settings import load_settings

    command = [sys.executable, "-P", "-m", "labkit", "serve", *_absolute(options)]
    environment = kept_environment(os.environ)
    if sys.platform == "darwin":
        return launchd_service(command, environment, Path.home(), load_settings().data_folder / "logs")
    if sys.platform.startswith("linux"):
        config_home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        return systemd_service(command, environment, config_home)
    raise MachineError(
        "labkit knows the services of Linux (systemd) and macOS (launchd) only",
        hint="start it with the session by other means: labkit serve",
    )


def _absolute(options: Sequence[str]) -> list[str]:
    """Files by their whole path: a service runs in another folder."""
    found = []
    for option in options:
        flag, equals, value = option.partition("=")
        path = Path(value if equals else option)
        is_file = path.suffix in (".gguf", ".toml") and path.is_file()
        found.append(
            f"{flag}{equals}{path.absolute()}" if is_file and equals else str(path.absolute()) if is_file else option
        )
    return found


def _run_all(commands: Sequence[Sequence[str]]) -> None:
    from labkit.serving.service_unit import as_typed

    typed = "; ".join(as_typed(command) for command in commands)
    for command in commands:
        if _is_missing(command):
            raise MachineError(f"there is no {command[0]} here to do it", hint=f"where there is one, type: {typed}")
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
        if done.returncode:
            said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
            raise MachineError(f"{as_typed(command)}: {said}", hint=f"in a session of your own, type: {typed}")


def _is_missing(command: Sequence[str]) -> bool:
    return which(command[0]) is None
