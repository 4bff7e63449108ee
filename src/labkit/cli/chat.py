"""`labkit chat`: a conversation with a model in the terminal."""

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING

import typer

from labkit.cli.interrupts import interrupts_end_at_once
from labkit.errors import ConnectionFailedError, LabkitError, ModelNotFoundError

if TYPE_CHECKING:
    from labkit.client import ChatClient
    from labkit.settings import Settings

DEFAULT_MODEL = "nano"


def chat(
    model: str | None = typer.Argument(None, help="Name of a model, or a .gguf file.  [default: nano]"),
    url: str | None = typer.Option(None, help="Endpoint to talk to; any that speaks the OpenAI API."),
    system: str | None = typer.Option(None, help="System prompt."),
    temperature: float | None = typer.Option(None, min=0, max=2, help="0 is most certain, 2 most surprising."),
    max_tokens: int | None = typer.Option(None, min=1, help="Longest answer, in tokens."),
    as_json: bool = typer.Option(False, "--json", help="Print each answer as one line of JSON with its figures."),
) -> None:
    """Talk to a model; /help shows what else can be typed.

    Uses the endpoint that runs at the default address when it serves the model, else starts one of its own that
    ends with the chat. Questions may come from a pipe, one per line.

    Example: echo "What is 2+3?" | labkit chat nano
    """
    with interrupts_end_at_once():
        from labkit.cli.chat_repl import run_repl
        from labkit.cli.chat_turn import Conversation
        from labkit.settings import load_settings

    settings = load_settings()
    options = {"temperature": temperature, "max_tokens": max_tokens}
    with _connected(model, url, settings) as (client, name):
        conversation = Conversation(name, system, options)
        run_repl(client, conversation, settings.data_folder / "chat_history", as_json=as_json)


@contextlib.contextmanager
def _connected(
    model: str | None, url: str | None, settings: "Settings"
) -> Generator[tuple["ChatClient", str], None, None]:
    """A client of an endpoint that serves the model, and the model's name there."""
    with interrupts_end_at_once():
        from labkit.client import ChatClient

    address = url or f"http://{settings.host}:{settings.port}"
    with ChatClient(address) as client:
        name = _served_name(client, model, settings, must_serve=url is not None)
        if name is not None:
            typer.echo(f"{name} at {client.url} (/help, Ctrl-D leaves)", err=True)
            yield client, name
            return
    with _own_endpoint(model or DEFAULT_MODEL, settings) as (own_url, name), ChatClient(own_url) as client:
        yield client, name


def _served_name(client: "ChatClient", model: str | None, settings: "Settings", *, must_serve: bool) -> str | None:
    """The model's name at a running endpoint; None when it does not run or does not serve it, unless it must."""
    try:
        names = [info.name for info in client.models()]
    except ConnectionFailedError:
        if must_serve:
            raise
        return None
    if model is None and names:
        return names[0]
    wanted = model or DEFAULT_MODEL
    for name in (wanted, _full_name(wanted, settings)):
        if name in names:
            return name
    if must_serve:
        raise ModelNotFoundError(wanted, hint=f"{client.url} serves {', '.join(names) or 'nothing'}")
    return None


def _full_name(name: str, settings: "Settings") -> str:
    from labkit import store

    try:
        return store.resolve(name, settings).name
    except LabkitError:
        return name


@contextlib.contextmanager
def _own_endpoint(model: str, settings: "Settings") -> Generator[tuple[str, str], None, None]:
    from labkit.cli import output

    with interrupts_end_at_once():
        from labkit.serving import plan_endpoint, running_endpoint

    plan = plan_endpoint([model], settings, host="127.0.0.1", port=0)
    status = output.talk().status(f"loading {model}")
    status.start()
    try:
        with running_endpoint(plan) as endpoint:
            status.stop()
            name = endpoint.models[0].name
            typer.echo(f"{name} in this terminal (/help, Ctrl-D leaves)", err=True)
            yield endpoint.url, name
    finally:
        status.stop()
