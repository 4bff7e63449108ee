"""`labkit ps` and `labkit stop`: the endpoints that run on this machine, and their models."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli import output
from labkit.errors import ConnectionFailedError, InputError, LabkitError, ModelNotFoundError, NotReadyError

if TYPE_CHECKING:
    from labkit.serving.instances import Instance
    from labkit.serving.model_rows import ModelRow

    Running = tuple[tuple[Instance, tuple[ModelRow, ...] | None], ...]

POLL_SECONDS = 0.1


def ps(
    is_all: Annotated[bool, typer.Option("--all", help="Also models that are not loaded.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print endpoints and models as JSON.")] = False,
) -> None:
    """Show running endpoints and the models they hold in memory.

    Example: labkit ps --all
    """
    from labkit.cli.running_table import as_plain, print_endpoint

    running = _running()
    if as_json:
        output.print_json([as_plain(instance, rows) for instance, rows in running])
        return
    if not running:
        output.talk().print("No endpoint runs. Start one with: labkit serve nano")
    for instance, rows in running:
        print_endpoint(instance, rows, is_all=is_all)


def stop(
    what: Annotated[
        str | None, typer.Argument(metavar="MODEL|URL", help="A model to unload, or an endpoint's URL or port.")
    ] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Stop every endpoint.")] = False,
    is_now: Annotated[bool, typer.Option("--now", help="Do not wait for running answers.")] = False,
) -> None:
    """Stop an endpoint, or unload one model of it; without a name the only endpoint that runs.

    An endpoint takes no new requests then, and waits for running answers up to 30 seconds. A model leaves when its
    running answers are over, and is loaded again when it is asked for.

    Example: labkit stop nano
    """
    from labkit.serving.instances import find_instance, run_folder, running_instances
    from labkit.settings import load_settings

    instances = running_instances(run_folder(load_settings()))
    if is_all and what:
        raise InputError("--all stops every endpoint, and one is named", hint="leave one of them out")
    if is_all:
        _stop(instances, is_now=is_now)
    elif what is None:
        _stop(_only(instances), is_now=is_now)
    elif (instance := find_instance(what, instances)) is not None:
        _stop((instance,), is_now=is_now)
    else:
        _unload(what, instances)


def _running() -> "Running":
    from labkit.serving.control_client import ask_models
    from labkit.serving.instances import run_folder, running_instances
    from labkit.settings import load_settings

    found = []
    for instance in running_instances(run_folder(load_settings())):
        try:
            found.append((instance, ask_models(instance)))
        except LabkitError:  # it stops just now, or hangs: it is shown as one that does not answer
            found.append((instance, None))
    return tuple(found)


def _only(instances: "tuple[Instance, ...]") -> "tuple[Instance, ...]":
    if len(instances) > 1:
        listed = ", ".join(instance.url for instance in instances)
        raise InputError(f"{len(instances)} endpoints run: {listed}", hint="labkit stop URL, or labkit stop --all")
    return instances


def _stop(instances: "tuple[Instance, ...]", *, is_now: bool) -> None:
    from labkit.serving.instances import is_alive, signal_to_stop

    if not instances:
        output.talk().print("No endpoint runs.")
    waiting = [instance for instance in instances if signal_to_stop(instance)]
    if is_now:
        time.sleep(POLL_SECONDS)  # two signals at once would be one
        waiting = [instance for instance in waiting if signal_to_stop(instance)]
    with output.status("waiting for running answers; labkit stop --now drops them"):
        while waiting := [instance for instance in waiting if is_alive(instance)]:
            time.sleep(POLL_SECONDS)
    for instance in instances:
        output.talk().print(f"stopped {instance.url}")


def _unload(name: str, instances: "tuple[Instance, ...]") -> None:
    from labkit.serving.control_client import ask_unload

    problem: LabkitError | None = None
    for instance in instances:
        try:
            with output.status(f"unloading {name}"):
                rows = ask_unload(instance, name)
        except (ModelNotFoundError, ConnectionFailedError, NotReadyError) as error:
            problem = problem or error
            continue
        busy = [row for row in rows if row.name == name and row.memory_bytes is not None]
        output.talk().print(f"{name} leaves {instance.url} when its answers are over" if busy else f"unloaded {name}")
        return
    raise problem or ModelNotFoundError(name, message=f"no endpoint runs, so none holds '{name}'", hint="labkit ps")
