"""`labkit lock`, `sync`, `diff`: the same models, to the byte, on every machine of a project."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli import output
from labkit.errors import IntegrityError, InvalidModelFileError

if TYPE_CHECKING:
    from labkit.store import Store
    from labkit.store.lock_file import Change

_FILE = typer.Option(Path("labkit.lock"), "--file", metavar="FILE", help="The lock file.")
_DIFFERENT = 1


def lock(
    names: Annotated[list[str] | None, typer.Argument(metavar="[MODEL...]", help="All models without one.")] = None,
    file: Path = _FILE,
) -> None:
    """Write labkit.lock: models, hashes of their files and templates, sampling defaults.

    Example: labkit lock qwen3-8b:Q4_K_M
    """
    from labkit.files import write_atomically
    from labkit.store import lock_file
    from labkit.store.store import writing

    store = _store()
    chosen = [store.get(name) for name in names or ()] or list(store.list().manifests)
    if not chosen:
        raise InvalidModelFileError("the store has no models to lock", hint="get one first: labkit pull MODEL")
    for manifest in chosen:
        if not store.has_content(manifest):
            again = f"labkit pull {manifest.name}"
            raise InvalidModelFileError(f"the content of {manifest.name} is missing", hint=again)
    with writing(file.absolute().parent):
        write_atomically(file.absolute(), lock_file.encode_lock(lock_file.lock(tuple(chosen))), mode=0o644)
    _say(f"{file}: {_count(len(chosen))} locked")
    for manifest in chosen:
        if manifest.repo is None:
            hint = "another machine gets it with: labkit bundle"
            output.talk().print(f"{manifest.name} came from a file: {hint}", style="yellow", soft_wrap=True)


def sync(file: Path = _FILE) -> None:
    """Fetch what labkit.lock names and is not here, at exactly those commits and hashes.

    Exits with 65 when a model cannot be had as it is locked.

    Example: labkit sync
    """
    from labkit.cli.pull import PullBar
    from labkit.pull.sync import sync as sync_models
    from labkit.store.lock_file import read_lock

    locked = read_lock(file)
    with PullBar() as bar:
        made, failed = sync_models(locked, _store(), lambda _, progress: bar.show(progress))
    for manifest in made:
        _say(f"{manifest.name} is here as locked")
    for error in failed:
        output.talk().print(f"{error.message}\n  -> {error.hint}", style="red", soft_wrap=True)
    if failed:
        raise IntegrityError(f"{len(failed)} of {len(locked.models)} models are not as locked", hint=failed[0].hint)
    if not made:
        _say(f"{_count(len(locked.models))} of {file} are here as locked")


def diff(
    file: Path = _FILE,
    as_json: bool = typer.Option(False, "--json", help="Print the differences as JSON."),
) -> None:
    """Show how the models here differ from labkit.lock. Exits with 1 when a locked one is missing or another.

    Example: labkit diff
    """
    from labkit.store.lock_file import compare, read_lock

    store = _store()
    manifests = tuple(manifest for manifest in store.list().manifests if store.has_content(manifest))
    changes = compare(read_lock(file), manifests)
    if as_json:
        output.print_json(changes)
    else:
        for change in changes:
            _print_change(change)
    if any(change.kind in ("missing", "changed") for change in changes):
        raise typer.Exit(_DIFFERENT)


def _print_change(change: "Change") -> None:
    marks = {"missing": "-", "extra": "+", "changed": "~", "same": " "}
    what = "" if change.kind == "same" else f"  {change.kind}"
    output.console().print(f"{marks[change.kind]} {change.name}{what}", soft_wrap=True)
    for line in change.what:
        output.console().print(f"    {line}", soft_wrap=True)


def _count(number: int) -> str:
    return "1 model" if number == 1 else f"{number} models"


def _say(text: str) -> None:
    output.talk().print(text, soft_wrap=True)


def _store() -> "Store":
    from labkit.settings import load_settings
    from labkit.store import open_store

    return open_store(load_settings())
