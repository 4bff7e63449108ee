"""Whether the store is what it says: quickly by names and sizes, deeply by hashing every byte. And putting it right."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit.errors import InvalidModelFileError
from labkit.files import hash_file, sync_folder
from labkit.store.manifest import Manifest, ManifestFile
from labkit.store.store import Store, writing

Trouble = Literal["missing", "wrong size", "wrong content", "unreadable manifest", "broken link"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in the store. `repaired` says what was done; empty when a person has to."""

    model: str
    file: str
    trouble: Trouble
    what: str
    repaired: str = ""
    hint: str = ""


def verify(
    store: Store, *, deep: bool = False, names: tuple[str, ...] = (), on_bytes: Callable[[int], None] = lambda _: None
) -> Iterator[Finding]:
    """What is wrong with the models `names` (all without any), as it is found. Blocks; `deep` reads every byte.

    Repairs what needs no network: links are made again, and manifests that cannot be read are set aside. Content that
    is not what its name says is moved to the quarantine, so that it is never served, and can be pulled again.
    """
    if not names:
        for broken in store.list().unreadable:
            yield _set_aside(store, broken.path, broken.reason)
    chosen = [store.get(name) for name in names] or list(store.list().manifests)
    checked: dict[str, Finding | None] = {}
    for manifest in chosen:
        for file in manifest.files:
            if file.sha256 not in checked:
                checked[file.sha256] = _check(store, manifest, file, deep=deep, on_bytes=on_bytes)
            if found := checked[file.sha256]:
                yield found
        if store.has_content(manifest) and (repaired := _repair_links(store, manifest)):
            yield repaired


def _check(
    store: Store, manifest: Manifest, file: ManifestFile, *, deep: bool, on_bytes: Callable[[int], None]
) -> Finding | None:
    blob = store.layout.blob(file.sha256)
    again = f"labkit pull {manifest.name}" if manifest.origin == "hub" else "labkit adopt, or labkit pull it"
    if not blob.exists():
        why = "its owner's store no longer has it" if blob.is_symlink() else "its content is not in the store"
        return Finding(manifest.name, file.file, "missing", why, hint=again)
    size = blob.stat().st_size
    if size != file.size_bytes:
        what = f"{size} bytes, {file.size_bytes} are right"
        return Finding(manifest.name, file.file, "wrong size", what, _quarantine(store, blob), again)
    if not deep:
        return None
    digest = hash_file(blob, on_bytes)
    if digest == file.sha256:
        return None
    what = f"sha256 {digest[:12]}..., {file.sha256[:12]}... is right"
    return Finding(manifest.name, file.file, "wrong content", what, _quarantine(store, blob), again)


def _quarantine(store: Store, blob: Path) -> str:
    with writing(store.layout.root):
        store.layout.quarantine.mkdir(mode=0o700, exist_ok=True)
        blob.replace(store.layout.quarantine / f"{blob.name}.damaged")
    return "moved to the quarantine"


def _set_aside(store: Store, path: Path, reason: str) -> Finding:
    with writing(store.layout.root):
        path.replace(path.with_suffix(".unreadable"))
        sync_folder(path.parent)
    return Finding("", path.name, "unreadable manifest", reason, f"renamed to {path.stem}.unreadable", "pull it again")


def _repair_links(store: Store, manifest: Manifest) -> Finding | None:
    for file in manifest.files:
        link = store.path(manifest, file)
        if not link.exists() or not link.samefile(store.layout.blob(file.sha256)):
            try:
                store.add(manifest)
            except InvalidModelFileError as error:
                return Finding(manifest.name, file.file, "broken link", error.message)
            return Finding(manifest.name, file.file, "broken link", "its name led nowhere", "made again")
    return None
