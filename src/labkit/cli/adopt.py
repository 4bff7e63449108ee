"""`labkit adopt`: use the models that other programs downloaded, without a copy."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli import output
from labkit.errors import IntegrityError, LabkitError, ModelNotFoundError
from labkit.units import render_bytes

if TYPE_CHECKING:
    from labkit.pull.adopt import Candidate
    from labkit.store import Store

_PROGRAMS = {
    "huggingface-cache": "Hugging Face cache", "ollama": "Ollama", "lm-studio": "LM Studio",
    "llama.cpp-cache": "llama.cpp",
}  # fmt: skip


def adopt(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL...]", help="Names as the list shows them.")
    ] = None,
    everything: bool = typer.Option(False, "--all", help="Adopt every model that is found."),
    as_json: bool = typer.Option(False, "--json", help="Print what is found as JSON."),
) -> None:
    """Link models of the Hugging Face cache, Ollama, LM Studio and llama.cpp into the store.

    Without a name, lists what is there. Each file is hashed, read strictly and tried once; nothing is copied, and the
    other program keeps its files.

    Example: labkit adopt --all
    """
    from labkit.pull.adopt import find_candidates
    from labkit.settings import load_settings
    from labkit.store import open_store
    from labkit.store.foreign import find_foreign_models

    store = open_store(load_settings())
    found = find_candidates(find_foreign_models(os.environ, Path.home()), store)
    if as_json and not names and not everything:
        output.print_json(found)
        return
    if not names and not everything:
        _print_list(found)
        return
    chosen = _chosen(found, names or []) if names else [row for row in found if not row.is_here and not row.problem]
    _adopt_all(chosen, store)


def _chosen(found: "list[Candidate]", names: list[str]) -> "list[Candidate]":
    from labkit.catalog import nearest

    by_name = {row.model.name.casefold(): row for row in reversed(found)}
    chosen: list[Candidate] = []
    for name in names:
        row = by_name.get(name.casefold())
        if row is None:
            near = nearest(name, [other.model.name for other in found])
            hint = f"did you mean {' or '.join(near)}?" if near else "see what is there: labkit adopt"
            raise ModelNotFoundError(name, near, message=f"no other program has a model '{name}'", hint=hint)
        chosen.append(row)
    return chosen


def _adopt_all(chosen: "list[Candidate]", store: "Store") -> None:
    """One after the other; one that is refused does not stop the others."""
    from labkit.pull.adopt import adopt as adopt_model

    failed: list[LabkitError] = []
    for row in chosen:
        if row.problem:
            failed.append(IntegrityError(f"{row.model.name}: {row.problem}"))
            continue
        try:
            with output.status(f"hashing and trying {row.model.name}, {render_bytes(row.model.size_bytes)}"):
                manifest = adopt_model(row.model, store)
        except LabkitError as error:
            failed.append(error)
            output.talk().print(f"{row.model.name}: {error.message}", style="red", soft_wrap=True)
            continue
        output.talk().print(f"{manifest.name} is adopted. Run it with: labkit serve {manifest.name}", soft_wrap=True)
    if failed:
        raise IntegrityError(f"{len(failed)} of {len(chosen)} models were not adopted", hint=failed[0].hint)
    if not chosen:
        output.talk().print("Nothing new to adopt.")


def _print_list(found: "list[Candidate]") -> None:
    from rich.table import Table

    if not found:
        output.talk().print("No models of other programs were found. Get one with: labkit pull MODEL", soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Name", "Size", "In", "State"):
        table.add_column(heading, justify="right" if heading == "Size" else "left")
    for row in found:
        state = "in the store" if row.is_here else row.problem or "can be adopted"
        table.add_row(row.model.name, render_bytes(row.model.size_bytes), _PROGRAMS[row.model.origin], state)
    output.console().print(table)
    output.talk().print("Adopt with: labkit adopt NAME, or labkit adopt --all")
