"""Carrying a plan out: every file into the store, then the model into existence."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import DiskFullError, InvalidModelFileError
from labkit.hub import Download, HubFile, Progress, download, locate
from labkit.pull.admit import Provenance, admit, forgive, refusal_of
from labkit.pull.plan import PullPlan
from labkit.pull.trial import TrialResult, try_model
from labkit.store import Manifest, ManifestFile, Store
from labkit.units import render_bytes


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is, over all of its files. `file` is the one that is fetched now.

    Attributes:
        received_bytes: of `size_bytes`; what was here before counts.
        waiting_for: process that fetches the same file in our place.
        trouble: what went wrong last, while it is being tried again.
    """

    file: str
    received_bytes: int
    size_bytes: int
    waiting_for: int | None = None
    trouble: str = ""
    checking: bool = False


def carry_out(
    plan: PullPlan,
    store: Store,
    on_progress: Callable[[PullProgress], None] = lambda _: None,
    *,
    force: bool = False,
    trial: Callable[[Path], TrialResult] | None = try_model,
) -> Manifest:
    """Fetch what is missing, check it, and make the model exist. Blocks.

    `force` fetches and tries again what was refused before. Raises what `download` and `admit` raise, DiskFullError
    before a byte is fetched when there is no room, InvalidModelFileError for content that is in quarantine.
    """
    _require_no_refusal(plan, store, force=force)
    if not plan.has_room:
        free = render_bytes(plan.free_bytes or 0)
        raise DiskFullError(
            f"{plan.name} needs {render_bytes(plan.missing_bytes)} of disk, {free} are free",
            hint="free some space (labkit gc, labkit rm), choose a smaller quantization, or another disk: LABKIT_HOME",
        )
    store.prepare()
    fetched: list[ManifestFile] = []
    done = 0
    for file in plan.all_files:
        sha256 = _fetch(plan, file, store, done, on_progress)
        size = store.layout.blob(sha256).stat().st_size
        role = "projector" if file == plan.projector else "model"
        fetched.append(ManifestFile(file.name, sha256, size, role, (file.part or (1, 1))[0], file.path))
        done += file.size_bytes or size
    on_progress(PullProgress(plan.files[0].name, done, max(plan.size_bytes, done), checking=True))
    return admit(plan.name, tuple(fetched), _provenance(plan), store, trial=trial)


def _fetch(plan: PullPlan, file: HubFile, store: Store, done: int, on_progress: Callable[[PullProgress], None]) -> str:
    location = locate(plan.repository, file) if file.size_bytes is None or file.sha256 is None else None
    size = file.size_bytes if location is None else location.size_bytes
    total = max(plan.size_bytes, done + (size or 0))

    def report(progress: Progress) -> None:
        received = done + progress.received_bytes
        on_progress(PullProgress(file.name, received, total, progress.waiting_for, progress.trouble))

    task = Download(
        name=file.path,
        locate=lambda: locate(plan.repository, file),
        size_bytes=size or 0,
        sha256=file.sha256 or (location.sha256 if location else None),
        parts_folder=store.layout.parts,
        target_of=store.layout.blob,
        beginning=plan.beginning if file == plan.files[0] else b"",
    )
    return download(task, report).name


def _provenance(plan: PullPlan) -> Provenance:
    repository = plan.repository
    return Provenance(
        "hub",
        repository.name,
        repository.revision,
        repository.commit,
        repository.license or (plan.known.license if plan.known else None),
        plan.known.id if plan.known else None,
    )


def _require_no_refusal(plan: PullPlan, store: Store, *, force: bool) -> None:
    for file in plan.all_files:
        refusal = refusal_of(file.sha256, store) if file.sha256 else None
        if refusal is None or file.sha256 is None:
            continue
        if not force:
            raise InvalidModelFileError(
                f"{file.name} was refused on {refusal.at[:10]}: {refusal.reason}",
                hint=f"choose another quantization or publisher, or try it again: labkit pull {plan.name} --force",
            )
        forgive(file.sha256, store)
