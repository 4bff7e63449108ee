"""What the store knows of a model, in a terminal: where it came from, its hashes, and whether it was tried."""

from typing import TYPE_CHECKING

from labkit.cli import output
from labkit.cli.models_report import heading, row

if TYPE_CHECKING:
    from labkit.settings import Settings
    from labkit.store import Manifest


def print_manifest(manifest: "Manifest", *, is_whole: bool) -> None:
    """Repository, commit, hashes, license, dates, and the trial."""
    heading(f"{manifest.name}, in the store")
    row("from", _origin(manifest))
    if manifest.commit:
        asked = f", asked for as {manifest.revision}" if manifest.revision else ""
        row("commit", f"{manifest.commit}{asked}")
    row("license", manifest.license or "not stated")
    for number, file in enumerate(manifest.files):
        row("files" if number == 0 else "", _file(file.file, file.size_bytes, file.role, linked=file.linked))
        # Not in the second column: a hash that is wrapped cannot be copied.
        output.console().print(f"{'sha256':>14} {file.sha256}", soft_wrap=True)
    if manifest.template_sha256:
        row("chat template", f"sha256 {manifest.template_sha256[:16]}...")
    if manifest.sampling:
        row("sampling", ", ".join(f"{key} {value:g}" for key, value in manifest.sampling.items()))
    row("added", f"{manifest.added_at} by labkit {manifest.labkit_version}")
    row("checked", _checked(manifest))
    if not is_whole:
        again = f"labkit pull {manifest.name}" if manifest.origin == "hub" else "pull or adopt it again"
        row("state", f"its content is missing: {again}")


def print_refusals(name: str, settings: "Settings") -> bool:
    """Why files of a model are in quarantine. False when none is."""
    from labkit.pull.admit import find_refusals
    from labkit.store import open_store

    store = open_store(settings)
    bare = name.removeprefix("hf:").casefold()
    found = [refusal for refusal in find_refusals(store) if bare in (refusal.name.casefold(), refusal.file.casefold())]
    for refusal in found:
        heading(f"{refusal.name}, in quarantine")
        row("file", refusal.file)
        row("from", refusal.repo or "a file")
        row("refused", f"{refusal.at}: {refusal.reason}")
        row("", f"it is in {store.layout.quarantine} and is never served; labkit gc --quarantine deletes it")
    return bool(found)


def _origin(manifest: "Manifest") -> str:
    if manifest.repo:
        return f"{manifest.repo}{'' if manifest.origin == 'hub' else f', by way of {manifest.origin}'}"
    return {"file": "a file of your own", "bundle": "a bundle"}.get(manifest.origin, manifest.origin)


def _file(name: str, size_bytes: int, role: str, *, linked: bool) -> str:
    from labkit.units import render_bytes

    kind = "" if role == "model" else f", its {role}"
    return f"{name}{kind}, {render_bytes(size_bytes)}{', linked from its own store' if linked else ''}"


def _checked(manifest: "Manifest") -> str:
    checked = manifest.checked
    if checked is None:
        return "never"
    if checked.prompt_tokens is None:
        return f"{checked.at}, read strictly, not tried: it does not fit this machine"
    return f"{checked.at}, it answered a prompt with llama-cpp-python {checked.core_version or 'of an unknown version'}"
