"""`labkit explain`: what became of one request, or which were the last."""

import os
from typing import TYPE_CHECKING, Any

import typer

from labkit.cli import output

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.client import ChatClient

ANSWER_SECONDS = 10.0
KEY_VARIABLE = "LABKIT_API_KEY"


def explain(
    request_id: str | None = typer.Argument(
        None, metavar="ID", help="The x-request-id header of an answer, or the id in it.", show_default=False
    ),
    last: bool = typer.Option(False, "--last", help="The newest request."),
    url: str | None = typer.Option(None, help="Endpoint to ask.  [default: the running ones]"),
    limit: int = typer.Option(20, "--limit", min=1, max=1000, help="Requests to list, where no ID is given."),
    as_json: bool = typer.Option(False, "--json", help="Print what the endpoint says, as JSON."),
) -> None:
    """Explain a request: tokens, parameters, cache, waits, who shared its batch, why it stopped.

    Without an ID: a list of the last requests. An endpoint with API keys is asked with the one in LABKIT_API_KEY, and
    tells of that key's requests.

    Example: labkit explain --last
    """
    from labkit.errors import InputError

    if last and request_id is not None:
        raise InputError("--last and an ID are both given", hint="name one request, or take the last one")
    if last or request_id is not None:
        wanted = request_id or "last"
        found = _asked(url, lambda client: client.explained(wanted))
        if as_json:
            output.print_json(found)
            return
        from labkit.cli.explain_print import print_explanation

        print_explanation(found)
        return
    recent = _asked(url, lambda client: client.recent_requests(limit))
    if as_json:
        output.print_json(recent)
        return
    from labkit.cli.explain_print import print_recent

    print_recent(recent)


def _asked(url: str | None, question: "Callable[[ChatClient], Any]") -> Any:
    """The first answer of an endpoint that has one. Raises what the last one said when none has."""
    from labkit.client import ChatClient
    from labkit.errors import ConnectionFailedError, RequestNotFoundError

    urls = [url] if url else _running_urls()
    for number, address in enumerate(urls, start=1):
        with ChatClient(address, api_key=os.environ.get(KEY_VARIABLE), silence_seconds=ANSWER_SECONDS) as client:
            try:
                return question(client)
            except (ConnectionFailedError, RequestNotFoundError):
                if number == len(urls):
                    raise
    raise AssertionError("there is always an address to ask")


def _running_urls() -> list[str]:
    """Endpoints of this user, the newest first; the usual address where none is on record."""
    from labkit.serving.instances import run_folder, running_instances
    from labkit.settings import load_settings

    settings = load_settings()
    running = [instance.url for instance in reversed(running_instances(run_folder(settings)))]
    return running or [f"http://{settings.host}:{settings.port}"]
