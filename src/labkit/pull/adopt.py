"""Models of other programs into the store, without a copy: their content is linked, and checked like any other."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import InvalidModelFileError
from labkit.files import hash_file, sync_folder
from labkit.pull.admit import Provenance, admit, refusal_of
from labkit.pull.trial import TrialResult, try_model
from labkit.store import Manifest, ManifestFile, Store
from labkit.store.foreign import ForeignFile, ForeignModel
from labkit.store.layout import is_model_name
from labkit.store.manifest import Role
from labkit.store.store import make_link, writing


@dataclass(frozen=True, slots=True)
class Candidate:
    """A foreign model, and what adopting it would mean: `problem` is empty when it can be adopted."""

    model: ForeignModel
    is_here: bool = False
    problem: str = ""


def find_candidates(models: list[ForeignModel], store: Store) -> list[Candidate]:
    """Which foreign models can be adopted. Reads manifests only."""
    here = {file.sha256 for manifest in store.list().manifests for file in manifest.files}
    found: list[Candidate] = []
    for model in models:
        stated = model.files[0].stated_sha256
        if stated is not None and stated in here:
            found.append(Candidate(model, is_here=True))
        elif not is_model_name(model.name):
            found.append(Candidate(model, problem=f"'{model.name}' cannot be the name of a model"))
        elif stated is not None and (refusal := refusal_of(stated, store)):
            found.append(Candidate(model, problem=f"it was refused: {refusal.reason}"))
        else:
            found.append(Candidate(model))
    return found


def adopt(
    model: ForeignModel,
    store: Store,
    on_bytes: Callable[[int], None] = lambda _: None,
    *,
    trial: Callable[[Path], TrialResult] | None = try_model,
) -> Manifest:
    """Link a foreign model into the store. Blocks: every byte is hashed once, and the model tried with a prompt.

    Raises InvalidModelFileError for content that is not what its store says or that must not be served: the
    other program's file stays as it is.
    """
    store.prepare()
    files = [_take(file, number, "model", store, on_bytes) for number, file in enumerate(model.files, 1)]
    if model.projector is not None:
        files.append(_take(model.projector, 1, "projector", store, on_bytes))
    provenance = Provenance(model.origin, model.repo, None, model.commit)
    return admit(model.name, tuple(files), provenance, store, trial=trial)


def _take(file: ForeignFile, number: int, role: Role, store: Store, on_bytes: Callable[[int], None]) -> ManifestFile:
    try:
        sha256 = hash_file(file.path, on_bytes)
    except OSError as error:
        raise InvalidModelFileError(
            f"cannot read {file.path}: {error.strerror}", hint="check its permissions"
        ) from error
    if file.stated_sha256 not in (None, sha256):
        stated = (file.stated_sha256 or "")[:12]
        raise InvalidModelFileError(
            f"{file.name} is not what its store says: its sha256 is {sha256[:12]}..., stated is {stated}...",
            hint="delete it there, and get it with: labkit pull",
        )
    blob = store.layout.blob(sha256)
    if not blob.exists():
        with writing(store.layout.root):
            blob.unlink(missing_ok=True)  # a link that leads nowhere
            make_link(file.path, blob)
            sync_folder(store.layout.blobs)
    return ManifestFile(file.name, sha256, file.size_bytes, role, number, linked=True)
