"""What the store takes on disk, and what of it nobody needs."""

import time
from dataclasses import dataclass
from pathlib import Path

from labkit.hub.lock import FileLock
from labkit.store.abandoned import find_abandoned, remove_tree
from labkit.store.store import Store, unreferenced

# A pull makes a model exist within minutes of its last byte; younger content may be about to be used.
GRACE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """A model's bytes: all, those that no other model has, and those that live in another program's store."""

    name: str
    size_bytes: int
    own_bytes: int
    linked_bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes on disk by what they are for. `blob_bytes` counts content once, whoever has it."""

    models: tuple[ModelUsage, ...]
    blob_bytes: int
    linked_bytes: int
    part_bytes: int
    quarantine_bytes: int
    unreferenced_bytes: int


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file or folder that can go, and why."""

    path: Path
    size_bytes: int
    why: str


def usage(store: Store) -> Usage:
    """Reads sizes only. Changes nothing."""
    manifests = store.list().manifests
    owners: dict[str, int] = {}
    for manifest in manifests:
        for sha256 in {file.sha256 for file in manifest.files}:
            owners[sha256] = owners.get(sha256, 0) + 1
    blobs = list(store.layout.blobs.glob("*"))
    return Usage(
        models=tuple(
            ModelUsage(
                manifest.name,
                manifest.size_bytes,
                sum(file.size_bytes for file in manifest.files if owners[file.sha256] == 1),
                sum(file.size_bytes for file in manifest.files if file.linked),
            )
            for manifest in manifests
        ),
        blob_bytes=sum(_disk_bytes(path) for path in blobs if not path.is_symlink()),
        linked_bytes=sum(path.stat().st_size for path in blobs if path.is_symlink() and path.exists()),
        part_bytes=_folder_bytes(store.layout.parts),
        quarantine_bytes=_folder_bytes(store.layout.quarantine),
        unreferenced_bytes=sum(_disk_bytes(path) for path in unreferenced(store.layout, manifests)),
    )


def find_garbage(
    store: Store, *, parts: bool = False, quarantine: bool = False, now: float | None = None
) -> list[Garbage]:
    """What can be removed without losing a model. Changes nothing.

    Content that no model has, once it is an hour old; what a process left behind that is gone. With `parts` also
    downloads that nobody goes on with, with `quarantine` also refused files.
    """
    when = time.time() if now is None else now
    unused = unreferenced(store.layout, store.list().manifests)
    old = [blob for blob in unused if (made := _changed_at(blob)) is not None and when - made > GRACE_SECONDS]
    found = [Garbage(blob, _disk_bytes(blob), "no model has it") for blob in old]
    found += [Garbage(path, _tree_bytes(path), "a process left it behind") for path in _left_behind(store)]
    if parts:
        found += [Garbage(path, _disk_bytes(path), "an unfinished download") for path in _idle_parts(store)]
    if quarantine:
        found += [Garbage(path, _disk_bytes(path), "refused") for path in sorted(store.layout.quarantine.glob("*"))]
    return found


def remove_garbage(store: Store, garbage: list[Garbage]) -> int:
    """Delete it. Returns the bytes freed. Raises DataFolderError."""
    freed = 0
    with store.alone():
        needed = {file.sha256 for manifest in store.list().manifests for file in manifest.files}
        for entry in garbage:
            if entry.path.parent == store.layout.blobs and entry.path.name in needed:  # by now
                continue
            remove_tree(entry.path)
            freed += entry.size_bytes
    return freed


def _left_behind(store: Store) -> list[Path]:
    """Drafts, trials and copies of processes that are gone, and folders of models without a manifest."""
    found = find_abandoned(store.layout)
    known = {store.layout.view(manifest.name) for manifest in store.list().manifests}
    for view in sorted(store.layout.models.glob("*")):
        manifest = store.layout.manifests / f"{view.name}.json"
        if view in known or manifest.exists():
            continue
        if (made := _changed_at(view)) is not None and time.time() - made > GRACE_SECONDS:
            found.append(view)
    return found


def _changed_at(path: Path) -> float | None:
    """When, in seconds; None when it is gone."""
    try:
        return path.lstat().st_ctime
    except FileNotFoundError:
        return None


def _idle_parts(store: Store) -> list[Path]:
    """Parts that no process holds."""
    found: list[Path] = []
    for part in sorted(store.layout.parts.glob("*.part")):
        progress = part.with_suffix(".progress")
        lock = FileLock(progress)
        if lock.try_acquire():
            lock.release(remove=False)
            found.append(part)
    return found


def _disk_bytes(path: Path) -> int:
    """What removing it frees: sparse files and links take less than their size."""
    try:
        status = path.lstat()
    except FileNotFoundError:  # removed since the folder was read
        return 0
    if path.is_symlink() or not path.is_file():
        return 0
    return min(status.st_size, getattr(status, "st_blocks", 1 << 62) * 512)


def _tree_bytes(path: Path) -> int:
    return _folder_bytes(path) if path.is_dir() else _disk_bytes(path)


def _folder_bytes(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    return sum(_disk_bytes(path) for path in folder.iterdir() if path.is_file())
