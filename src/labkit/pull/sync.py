"""Making the store hold what a lock file says, to the byte, or saying why it cannot."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from labkit.errors import IntegrityError, LabkitError, ModelNotFoundError
from labkit.hub import HubFile, Repository, fetch_repository
from labkit.pull.fetch import PullProgress, carry_out
from labkit.pull.plan import PullPlan, disk_facts
from labkit.pull.trial import TrialResult, try_model
from labkit.store import Manifest, Store
from labkit.store.lock_file import LockedModel, LockFile, compare


def sync(
    locked: LockFile,
    store: Store,
    on_progress: Callable[[str, PullProgress], None] = lambda _name, _progress: None,
    *,
    trial: Callable[[Path], TrialResult] | None = try_model,
) -> tuple[list[Manifest], list[LabkitError]]:
    """Fetch every model of the lock file that is missing or another; what failed does not stop the rest. Blocks.

    Returns the models that were made, and an error for each that was not.
    """
    wanted = {model.name: model for model in locked.models}
    made: list[Manifest] = []
    failed: list[LabkitError] = []
    manifests = tuple(manifest for manifest in store.list().manifests if store.has_content(manifest))
    for change in compare(locked, manifests):
        if change.kind not in ("missing", "changed"):
            continue
        try:
            plan = locked_plan(wanted[change.name], store)
            manifest = carry_out(
                plan, store, lambda progress, name=change.name: on_progress(name, progress), trial=trial
            )
            made.append(_as_locked(manifest, wanted[change.name], store))
        except LabkitError as error:
            failed.append(error)
    return made, failed


def locked_plan(model: LockedModel, store: Store) -> PullPlan:
    """A pull of exactly the locked files, at the locked commit. Asks the hub. Blocks.

    Raises ModelNotFoundError for a model that no hub has, IntegrityError when the hub lists other content.
    """
    if model.repo is None or model.commit is None:
        raise ModelNotFoundError(
            model.name,
            message=f"{model.name} came from a file, so no hub has it",
            hint="bring it along: labkit bundle export FILE on the machine that has it, labkit bundle import FILE here",
        )
    repository = fetch_repository(model.repo, model.commit)
    files = tuple(_locked_file(model, path, sha256, repository) for path, sha256 in _paths(model, "model"))
    projectors = [_locked_file(model, path, sha256, repository) for path, sha256 in _paths(model, "projector")]
    plan = PullPlan(
        name=model.name,
        repository=replace(repository, license=model.license or repository.license),
        files=files,
        quantization=model.quantization,
        known=None,
        projector=projectors[0] if projectors else None,
    )
    return disk_facts(plan, store)


def _paths(model: LockedModel, role: str) -> list[tuple[str, str]]:
    return [(file.path, file.sha256) for file in model.files if file.role == role]


def _locked_file(model: LockedModel, path: str, sha256: str, repository: Repository) -> HubFile:
    found = next((file for file in repository.files if file.path == path), None)
    if found is None or (found.sha256 is not None and found.sha256 != sha256):
        has = f"lists sha256 {(found.sha256 or '')[:12]}... for" if found else "no longer has"
        raise IntegrityError(
            f"{repository.name} {has} {path}, {model.name} is locked to {sha256[:12]}...",
            hint="the file was replaced or removed there: use another source of it, or lock again",
        )
    return replace(found, sha256=sha256)


def _as_locked(manifest: Manifest, model: LockedModel, store: Store) -> Manifest:
    """With what the lock file knows beyond the files: the entry in the catalogue."""
    if model.catalog_id is None:
        return manifest
    named = replace(manifest, catalog_id=model.catalog_id)
    store.add(named)
    return named
