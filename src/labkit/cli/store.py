"""`labkit ls`, `rm`, `verify`, `gc`, `du`: the models in the store, and whether they are what they should be."""

from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli import output
from labkit.errors import IntegrityError
from labkit.units import render_bytes

if TYPE_CHECKING:
    from labkit.store import Manifest, Store


def ls(as_json: bool = typer.Option(False, "--json", help="Print the manifests as JSON.")) -> None:
    """List the models in the store, with where each came from.

    Example: labkit ls
    """
    from rich.table import Table

    from labkit.pull.admit import find_refusals

    store = _store()
    listing = store.list()
    if as_json:
        output.print_json(listing)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Name", "Size", "License", "From", "Added", "State"):
        table.add_column(heading, justify="right" if heading == "Size" else "left")
    for manifest in listing.manifests:
        size, licence = render_bytes(manifest.size_bytes), manifest.license or "unknown"
        table.add_row(manifest.name, size, licence, _origin(manifest), manifest.added_at[:10], _state(store, manifest))
    if listing.manifests:
        output.console().print(table)
    else:
        output.talk().print("The store is empty. Fill it with: labkit pull MODEL, or labkit adopt")
    for refusal in find_refusals(store):
        what = f"{refusal.name} is refused since {refusal.at[:10]}: {refusal.reason}"
        output.talk().print(what, style="yellow", soft_wrap=True)
    for broken in listing.unreadable:
        output.talk().print(f"{broken.path.name}: {broken.reason}; labkit verify sets it aside", style="yellow")


def rm(
    names: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Names as `labkit ls` shows them.")],
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would go."),
) -> None:
    """Remove models from the store. Content that another model has stays.

    Example: labkit rm qwen3-8b:Q4_K_M
    """
    store = _store()
    for manifest in [store.get(name) for name in names]:  # all are looked up before the first one goes
        if dry_run:
            output.talk().print(f"would remove {manifest.name}, {render_bytes(manifest.size_bytes)}")
            continue
        freed = store.remove(manifest)
        output.talk().print(f"removed {manifest.name}, {render_bytes(freed)} freed")


def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[MODEL...]", help="All models without one.")] = None,
    deep: bool = typer.Option(False, "--deep", help="Read and hash every byte."),
    as_json: bool = typer.Option(False, "--json", help="Print what is wrong as JSON."),
) -> None:
    """Check that models are what their manifests say; repair links, set damaged content aside.

    Exits with 65 when something is wrong that needs a new download.

    Example: labkit verify --deep
    """
    from labkit.store.verify import verify as verify_store

    store = _store()
    with output.status("reading the store" + (", every byte of it" if deep else "")):
        findings = list(verify_store(store, deep=deep, names=tuple(names or ())))
    if as_json:
        output.print_json(findings)
    for finding in findings if not as_json else ():
        done = f" ({finding.repaired})" if finding.repaired else ""
        who = f"{finding.model}: " if finding.model else ""
        output.console().print(f"{who}{finding.file}: {finding.trouble}: {finding.what}{done}", soft_wrap=True)
        if finding.hint:
            output.console().print(f"  -> {finding.hint}", soft_wrap=True)
    lost = [finding for finding in findings if finding.trouble != "broken link" or not finding.repaired]
    if lost:
        raise IntegrityError(f"{len(lost)} of the files are not what they should be", hint=lost[0].hint)
    if not as_json:
        how = "every byte hashed" if deep else "names and sizes; labkit verify --deep also hashes them"
        number = len(names or store.list().manifests)
        counted = "1 model is as it" if number == 1 else f"{number} models are as they"
        output.talk().print(f"{counted} should be ({how}).")


def gc(
    parts: bool = typer.Option(False, "--parts", help="Also unfinished downloads."),
    quarantine: bool = typer.Option(False, "--quarantine", help="Also refused files."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would go."),
) -> None:
    """Remove content that no model needs, and what broken-off commands left behind.

    Example: labkit gc --dry-run
    """
    from labkit.store.usage import find_garbage, remove_garbage

    store = _store()
    garbage = find_garbage(store, parts=parts, quarantine=quarantine)
    for entry in garbage:
        output.talk().print(f"{entry.path.name}  {render_bytes(entry.size_bytes)}  {entry.why}", soft_wrap=True)
    total = sum(entry.size_bytes for entry in garbage)
    if dry_run:
        output.talk().print(f"would free {render_bytes(total)}")
    else:
        output.talk().print(f"freed {render_bytes(remove_garbage(store, garbage))}")


def du(as_json: bool = typer.Option(False, "--json", help="Print the figures as JSON, in bytes.")) -> None:
    """Show what the store takes on disk.

    Example: labkit du
    """
    from rich.table import Table

    from labkit.store.usage import usage

    store = _store()
    found = usage(store)
    if as_json:
        output.print_json(found)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Model", "All", "Its own", "Elsewhere"):
        table.add_column(heading, justify="left" if heading == "Model" else "right")
    for row in found.models:
        sizes = (row.size_bytes, row.own_bytes, row.linked_bytes)
        table.add_row(row.name, *(render_bytes(size) if size else "-" for size in sizes))
    output.console().print(table)
    rest = {
        "in the store": found.blob_bytes, "linked from other stores": found.linked_bytes,
        "unfinished downloads": found.part_bytes, "refused": found.quarantine_bytes,
        "without a model": found.unreferenced_bytes,
    }  # fmt: skip
    for label, size in rest.items():
        if size or label == "in the store":
            output.console().print(f"{label:<26}{render_bytes(size)}")


def _store() -> "Store":
    from labkit.settings import load_settings
    from labkit.store import open_store

    return open_store(load_settings())


def _origin(manifest: "Manifest") -> str:
    if manifest.repo:
        return f"{manifest.repo}@{(manifest.commit or '')[:7]}"
    return manifest.origin


def _state(store: "Store", manifest: "Manifest") -> str:
    if not store.has_content(manifest):
        return "content missing"
    checked = manifest.checked
    return "answers" if checked and checked.prompt_tokens else "not tried"
