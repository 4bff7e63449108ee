"""What killed processes left in the store: drafts, trials, copies, the progress of downloads that are complete."""

import re
from collections.abc import Iterator
from pathlib import Path

from labkit.files import is_running
from labkit.hub.lock import FileLock
from labkit.store.layout import StoreLayout

_OF_PROCESS = re.compile(r"\.(\d+)\.(draft|trial|import)$")


def find_abandoned(layout: StoreLayout) -> list[Path]:
    """Files and folders of processes that are gone, and progress files without a part. Changes nothing."""
    found: list[Path] = []
    for folder in (layout.blobs, layout.parts, layout.manifests, *layout.models.glob("*")):
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            match = _OF_PROCESS.search(path.name)
            if match and not is_running(int(match[1])):
                found.append(path)
    return found + list(_finished(layout))


def remove_abandoned(layout: StoreLayout) -> None:
    """Remove them all. Raises OSError."""
    for path in find_abandoned(layout):
        remove_tree(path)


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder of files; nothing is wrong if it is gone. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        for inside in path.iterdir():
            inside.unlink(missing_ok=True)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def _finished(layout: StoreLayout) -> Iterator[Path]:
    for progress in sorted(layout.parts.glob("*.progress")):
        if progress.with_suffix(".part").exists():
            continue
        lock = FileLock(progress)
        if lock.try_acquire():  # else somebody is about to start
            lock.release(remove=False)
            yield progress
