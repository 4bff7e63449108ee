"""`labkit models`: what is on this machine, what is known, and the facts of one model."""

import typer

from labkit.cli import output

app = typer.Typer(
    name="models", help="Models on this machine, and known ones.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_models(
    as_json: bool = typer.Option(False, "--json", help="Print both lists as JSON."),
    here: bool = typer.Option(False, "--here", help="Only what is on this machine."),
) -> None:
    """List the models on this machine, then the known ones that can be downloaded.

    Example: labkit models list --here
    """
    from labkit import store
    from labkit.catalog import load_catalog
    from labkit.cli.models_report import print_known, print_local
    from labkit.settings import load_settings

    settings = load_settings()
    local = store.list_models(settings)
    known = () if here else load_catalog(settings.catalog_folder).models
    if as_json:
        output.print_json({"here": local, "known": known})
        return
    print_local(local, settings)
    if known:
        print_known(known, settings)


@app.command()
def show(
    model: str = typer.Argument(..., metavar="ID|PATH", help="A name from `labkit models list`, or a GGUF file."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Show the license, provenance, shape, memory and scores of a model, with the source of each fact.

    Example: labkit models show qwen3-8b
    """
    from labkit.catalog import load_catalog
    from labkit.cli.models_report import print_known_facts, print_local_facts
    from labkit.settings import load_settings
    from labkit.store import describe

    settings = load_settings()
    catalog = load_catalog(settings.catalog_folder)
    found = describe(model, settings)
    if as_json:
        output.print_json(found)
        return
    if found.facts is not None and found.ref is not None:
        print_local_facts(found.ref, found.facts)
    if found.known is not None:
        print_known_facts(found.known, catalog, settings)
