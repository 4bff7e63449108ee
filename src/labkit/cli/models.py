"""`labkit models`: what is on this machine, what is known, and the facts of one model."""

from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli import output
from labkit.errors import InputError, ModelNotFoundError

if TYPE_CHECKING:
    from labkit.catalog import Catalog, CatalogModel

app = typer.Typer(
    name="models", help="Models on this machine, and known ones.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_models(
    as_json: bool = typer.Option(False, "--json", help="Print both lists as JSON."),
    here: bool = typer.Option(False, "--here", help="Only what is on this machine."),
    goal: str | None = typer.Option(
        None, "--goal", help="Only known models for chat, code, reasoning, tools, vision or embedding."
    ),
    licenses: Annotated[
        list[str] | None,
        typer.Option("--license", metavar="NAME", help="Only these: SPDX ids, permissive, commercial-ok."),
    ] = None,
    family: str | None = typer.Option(None, "--family", help="Only one family, or lineage: qwen3.5, qwen."),
) -> None:
    """List the models on this machine, then the known ones that can be downloaded.

    Example: labkit models list --goal code --license permissive
    """
    from labkit import store
    from labkit.catalog import load_catalog
    from labkit.cli.models_report import print_known, print_local
    from labkit.settings import load_settings

    settings = load_settings()
    local = store.list_models(settings)
    known = () if here else _chosen(load_catalog(settings.catalog_folder), goal, licenses or [], family)
    if as_json:
        output.print_json({"here": local, "known": known})
        return
    print_local(local, settings)
    if known:
        print_known(known, settings)
    elif not here:
        output.talk().print("No known model is all of that.", style="yellow")


def _chosen(
    catalog: "Catalog", goal: str | None, licenses: list[str], family: str | None
) -> "tuple[CatalogModel, ...]":
    """Known models that pass every filter. Raises InputError for a filter that names nothing known."""
    from labkit.catalog import parse_license_filter
    from labkit.recommend import not_made_for, parse_goal

    wanted_goal = parse_goal(goal) if goal is not None else None
    accepted = parse_license_filter(licenses, (model.license for model in catalog.models))
    wanted = _family(catalog, family)
    return tuple(
        model
        for model in catalog.models
        if (wanted_goal is None or not not_made_for(model, wanted_goal))
        and not accepted.refusal(model.license)
        and (wanted is None or wanted in (model.family, catalog.family(model).lineage))
    )


def _family(catalog: "Catalog", name: str | None) -> str | None:
    from labkit.catalog import nearest

    if name is None:
        return None
    known = {model.family for model in catalog.models} | {catalog.family(model).lineage for model in catalog.models}
    if name.casefold() in known:
        return name.casefold()
    near = nearest(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else f"one of: {', '.join(sorted(known))}"
    raise InputError(f"there is no family '{name}'", hint=hint)


@app.command()
def show(
    model: str = typer.Argument(..., metavar="ID|PATH", help="A name from `labkit models list`, or a GGUF file."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Show where a model came from, its license, hashes, shape, memory and scores, with the source of each fact.

    Example: labkit models show qwen3-8b
    """
    from labkit.catalog import load_catalog
    from labkit.cli.manifest_report import print_manifest, print_refusals
    from labkit.cli.models_known import print_known_facts
    from labkit.cli.models_report import print_local_facts
    from labkit.settings import load_settings
    from labkit.store import describe

    settings = load_settings()
    catalog = load_catalog(settings.catalog_folder)
    try:
        found = describe(model, settings)
    except ModelNotFoundError:
        if not print_refusals(model, settings):
            raise
        return
    if as_json:
        output.print_json(found)
        return
    if found.manifest is not None:
        print_manifest(found.manifest, is_whole=found.ref is not None)
    if found.facts is not None and found.ref is not None:
        print_local_facts(found.ref, found.facts)
    if found.known is not None:
        print_known_facts(found.known, catalog, settings)
