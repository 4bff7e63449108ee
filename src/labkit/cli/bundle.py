"""`labkit bundle`: models in one file, for a machine without a network."""

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli import output
from labkit.errors import InputError
from labkit.units import render_bytes

app = typer.Typer(
    name="bundle", help="Models in one file, for a machine without a network.", no_args_is_help=True,
    rich_markup_mode=None,
)  # fmt: skip


@app.command("export")
def export_models(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write, such as models.tar.")],
    names: Annotated[list[str] | None, typer.Argument(metavar="[MODEL...]", help="All models without one.")] = None,
    force: bool = typer.Option(False, "--force", help="Replace a file that is there."),
) -> None:
    """Write models and their manifests to one archive.

    Example: labkit bundle export models.tar qwen3-8b:Q4_K_M
    """
    from labkit.settings import load_settings
    from labkit.store import open_store
    from labkit.store.archive import export_bundle

    store = open_store(load_settings())
    chosen = tuple(store.get(name) for name in names or ()) or store.list().manifests
    if not chosen:
        raise InputError("the store has no models to export", hint="get one first: labkit pull MODEL")
    if file.exists() and not force:
        raise InputError(f"{file} is there already", hint="take another name, or --force")
    if not file.absolute().parent.is_dir():
        raise InputError(f"there is no folder {file.absolute().parent}", hint="make it first, with mkdir -p")
    with output.status(f"writing {file}"):
        size = export_bundle(chosen, store, file.absolute())
    listed = ", ".join(manifest.name for manifest in chosen)
    output.talk().print(f"{file}: {listed}, {render_bytes(size)}", soft_wrap=True)
    output.talk().print(f"On the other machine: labkit bundle import {file.name}", soft_wrap=True)


@app.command("import")
def import_models(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive that `labkit bundle export` wrote.")],
) -> None:
    """Put the models of an archive into the store, hashed, read strictly and tried.

    Example: labkit bundle import models.tar
    """
    from labkit.pull.import_bundle import import_bundle
    from labkit.settings import load_settings
    from labkit.store import open_store

    with output.status(f"reading {file}"):
        made = import_bundle(file, open_store(load_settings()))
    for manifest in made:
        output.talk().print(f"{manifest.name} is here. Run it with: labkit serve {manifest.name}", soft_wrap=True)
