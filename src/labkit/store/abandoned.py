"""What killed processes left in the store: drafts, trials, copies, the progress of downloads that are complete."""

import contextlib
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
    """Remove a file, or a folder of files; nothing is wrong if it is gone. Raises OSError.

    A download goes with its progress, and only while nobody goes on with it.
    """
    if path.suffix in (".part", ".progress"):
        lock = FileLock(path.with_suffix(".progress"))
        if lock.try_acquire():
            # Somebody may have begun since a lone progress was found.
            has_begun = path.suffix == ".progress" and path.with_suffix(".part").exists()
            if not has_begun:
                path.with_suffix(".part").unlink(missing_ok=True)
            lock.release(remove=not has_begun)
    elif path.is_dir() and not path.is_symlink():
        for inside in list(path.iterdir()):
            inside.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
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
