"""A .gguf file of one's own into the store: copied, because it may be written to; then checked."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from labkit.errors import InvalidModelFileError
from labkit.files import hash_file, sync_folder
from labkit.gguf import validate
from labkit.pull.admit import Provenance, admit
from labkit.pull.trial import TrialResult, try_model
from labkit.store import Manifest, ManifestFile, Store
from labkit.store.store import writing

_PART = re.compile(r"^(.*)-(\d{5})-of-(\d{5})\.gguf$")


def import_file(
    path: Path,
    store: Store,
    *,
    name: str | None = None,
    trial: Callable[[Path], TrialResult] | None = try_model,
) -> Manifest:
    """Make the model in `path` (any part of one in parts) exist in the store, named after its file. Blocks.

    Raises InvalidModelFileError for a file that is none, a missing part, or one that does not answer.
    """
    paths = _all_parts(path)
    validate(paths[0])
    store.prepare()
    files = tuple(_take(part, number, store) for number, part in enumerate(paths, 1))
    return admit(name or _name(paths[0]), files, Provenance("file"), store, trial=trial)


def _all_parts(path: Path) -> list[Path]:
    match = _PART.fullmatch(path.name)
    if match is None:
        return [path]
    count = int(match[3])
    paths = [path.with_name(f"{match[1]}-{number:05d}-of-{match[3]}.gguf") for number in range(1, count + 1)]
    if missing := [part.name for part in paths if not part.is_file()]:
        raise InvalidModelFileError(f"{missing[0]} is missing beside {path.name}", hint="put all parts into one folder")
    return paths


def _take(path: Path, number: int, store: Store) -> ManifestFile:
    sha256 = hash_file(path)
    blob = store.layout.blob(sha256)
    size = path.stat().st_size
    if not blob.exists():
        draft = store.layout.parts / f"{sha256}.{os.getpid()}.import"
        with writing(store.layout.root):
            try:
                # A copy, not a link: the file is the person's own and may be written to.
                shutil.copyfile(path, draft)
                draft.chmod(0o444)
                with draft.open("rb") as file:
                    os.fsync(file.fileno())
                draft.replace(blob)
                sync_folder(store.layout.blobs)
            finally:
                draft.unlink(missing_ok=True)
    return ManifestFile(path.name, sha256, size, part=number)


def _name(path: Path) -> str:
    match = _PART.fullmatch(path.name)
    stem = match[1] if match else path.stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "model"
