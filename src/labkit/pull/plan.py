"""What a pull will do, before it does it: which commit, which files, how large, and whether they will run here."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from labkit.catalog import Catalog, CatalogFile, CatalogModel, load_catalog, nearest
from labkit.errors import InputError, IntegrityError, ModelNotFoundError
from labkit.estimate import ContextSettings, Machine, Placement, Weights, place, weights_of_file
from labkit.gguf import FileFacts, GgufHeader, check_header, file_facts, parse_header
from labkit.gguf import read_header as read_local_header
from labkit.hub import (
    HubFile,
    HubName,
    RemoteFile,
    Repository,
    endpoint,
    fetch_repository,
    foreign_progress,
    is_hub_name,
    locate,
    parse_hub_name,
)
from labkit.pull.choose import choose_file, find_projector
from labkit.recommend import Wish
from labkit.recommend.choice import choose, options
from labkit.settings import Settings
from labkit.store import EMBEDDED_ALIASES, Store

VERDICT_CONTEXT_TOKENS = 8192
SPARE_BYTES = 64 * 1024 * 1024  # left free on the disk


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a name means, before the hub is asked: a place on it, and what the catalogue knows.

    Attributes:
        pinned: the file whose hash the catalogue knows; None when it knows none.
        preferred: quantizations to take when the name says none, best for this machine first.
    """

    hub: HubName
    known: CatalogModel | None = None
    pinned: CatalogFile | None = None
    preferred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PullPlan:
    """A pull that can be carried out.

    Attributes:
        name: under which the model will be in the store.
        files: the model's files in order of its parts.
        projector: file that lets it see; None when it has none or none is wanted.
        facts: of the header, read from the hub before the download; None when it was not asked for.
        placement: where it would go on this machine; None when that cannot be told.
        missing_bytes: what has to be fetched; `free_bytes` of disk are there.
        notes: what a person should know.
        beginning: of the first file, what reading its header has fetched already; not fetched again.
    """

    name: str
    repository: Repository
    files: tuple[HubFile, ...]
    quantization: str | None
    known: CatalogModel | None
    projector: HubFile | None = None
    facts: FileFacts | None = None
    placement: Placement | None = None
    missing_bytes: int = 0
    free_bytes: int | None = None
    notes: tuple[str, ...] = ()
    beginning: bytes = field(default=b"", repr=False)

    @property
    def all_files(self) -> tuple[HubFile, ...]:
        """Everything that will be fetched."""
        return (*self.files, *((self.projector,) if self.projector else ()))

    @property
    def size_bytes(self) -> int:
        """Of all files; those of unknown size count as nothing."""
        return sum(file.size_bytes or 0 for file in self.all_files)

    @property
    def has_room(self) -> bool:
        """Whether the disk holds what is missing."""
        return self.free_bytes is None or self.missing_bytes + SPARE_BYTES <= self.free_bytes


def find_wanted(text: str, settings: Settings, machine: Machine | None) -> Wanted:
    """What `text` means: `hf:...`, an address of the hub, or `id[:quantization]` of the catalogue. Asks no network.

    `machine` None leaves the choice of a quantization to the usual order.
    Raises InputError, ModelNotFoundError with near names.
    """
    if text.casefold() in EMBEDDED_ALIASES:
        raise InputError(f"{text} comes with labkit: there is nothing to pull", hint=f"labkit serve {text}")
    if _is_path(text):
        raise InputError(f"there is no file {text}", hint="check the path; ls shows what is there")
    if is_hub_name(text):
        return Wanted(parse_hub_name(text, endpoint()))
    model_id, _, quantization = text.partition(":")
    catalog = load_catalog(settings.catalog_folder)
    known = catalog.find(model_id)
    if known is None:
        raise _unknown(text, model_id, catalog)
    return _of_catalog(known, quantization.upper(), machine)


def make_plan(
    wanted: Wanted,
    store: Store,
    machine: Machine | None,
    *,
    with_projector: bool = True,
    read_header: bool = True,
) -> PullPlan:
    """Ask the hub what `wanted` is now. Blocks; downloads some MB of the header when `read_header`.

    Raises InputError, ModelNotFoundError, RefusedError (gated), UnavailableError, InvalidModelFileError for a header
    that no core may read, IntegrityError for a file that is not the one the catalogue pins.
    """
    repository = fetch_repository(wanted.hub.repo, wanted.hub.revision)
    first = _file(repository, wanted)
    files = repository.parts_of(first)
    if first.part and len(files) != first.part[1]:
        raise InputError(
            f"{first.name} is part 1 of {first.part[1]}, and {repository.name} has {len(files)} of them",
            hint="the upload is not complete: choose another quantization",
        )
    plan = PullPlan(
        name=_store_name(wanted, repository, first),
        repository=repository,
        files=files,
        quantization=first.quantization,
        known=wanted.known,
        projector=find_projector(repository) if with_projector else None,
        notes=_notes(wanted, repository),
    )
    plan = disk_facts(plan, store)
    return _with_verdict(plan, store, machine) if read_header else plan


def disk_facts(plan: PullPlan, store: Store) -> PullPlan:
    """`plan` with what is missing in `store`, and the room there is. Reads sizes only."""
    return replace(plan, missing_bytes=_missing_bytes(plan, store), free_bytes=_free_bytes(store.layout.root))


def _file(repository: Repository, wanted: Wanted) -> HubFile:
    pinned = wanted.pinned
    if pinned is None or wanted.hub.what:
        return choose_file(repository, wanted.hub.what, wanted.preferred)
    found = choose_file(repository, pinned.file)
    if found.sha256 != pinned.sha256:
        raise IntegrityError(
            f"{repository.name} has another {found.name} than the one the catalogue knows "
            f"(sha256 {(found.sha256 or 'unknown')[:12]}..., known {pinned.sha256[:12]}...)",
            hint=f"the publisher may have replaced it; if you want the new one: labkit pull "
            f"hf:{repository.name}:{found.name}",
        )
    return found


def _of_catalog(known: CatalogModel, quantization: str, machine: Machine | None) -> Wanted:
    pinned = {file.quantization: file for file in reversed(known.model_files) if file.quantization}
    if quantization:
        if file := pinned.get(quantization):
            return Wanted(HubName(file.repo), known, file)
        return Wanted(HubName(_repo_of(known), quantization), known)
    preferred = _preferred(known, machine)
    for name in preferred:
        if file := pinned.get(name):
            return Wanted(HubName(file.repo), known, file)
    if not preferred and pinned:
        file = pinned.get("Q4_K_M") or next(iter(pinned.values()))
        return Wanted(HubName(file.repo), known, file)
    return Wanted(HubName(_repo_of(known)), known, None, preferred)


def _preferred(known: CatalogModel, machine: Machine | None) -> tuple[str, ...]:
    """The quantization that suits this machine, as `labkit recommend` would choose it."""
    if machine is None:
        return ()
    wish = Wish(least_tokens_per_second=0.0)
    good, _ = options(known, machine, wish)
    if not good:
        return ()
    return (choose(good, machine, wish).quantization,)


def _repo_of(known: CatalogModel) -> str:
    if known.gguf_repos:
        return known.gguf_repos[0]
    if known.model_files:
        return known.model_files[0].repo
    raise InputError(
        f"no GGUF repository of {known.id} is known",
        hint=f"find one on {endpoint()}/models?search={known.id}+gguf, then: labkit pull hf:org/repo",
    )


def _store_name(wanted: Wanted, repository: Repository, first: HubFile) -> str:
    """`id:quantization` of a catalogue model, else `org/repo:quantization`, else `org/repo:file`."""
    base = wanted.known.id if wanted.known else repository.name
    same = [file for file in repository.models if file.quantization == first.quantization]
    last = first.quantization if first.quantization and len(same) == 1 else first.stem.replace(" ", "-")
    return f"{base}:{last}"


def _missing_bytes(plan: PullPlan, store: Store) -> int:
    missing = 0
    for file in plan.all_files:
        if file.sha256 and store.layout.blob(file.sha256).exists():
            continue
        here = foreign_progress(store.layout.parts, file.sha256).received_bytes if file.sha256 else 0
        missing += max((file.size_bytes or 0) - here, 0)
    return missing


def _free_bytes(folder: Path) -> int | None:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _notes(wanted: Wanted, repository: Repository) -> tuple[str, ...]:
    notes: list[str] = []
    if wanted.known is None:
        notes.append("the catalogue does not know this repository: anyone may have made the file")
    elif wanted.pinned is None:
        notes.append("the catalogue knows no hash of this file: the hub's own is used")
    if repository.license is None and wanted.known is None:
        notes.append("its card states no license")
    return tuple(notes)


def _with_verdict(plan: PullPlan, store: Store, machine: Machine | None) -> PullPlan:
    """The header, read from what is here or else from the hub, and what follows from it."""
    header, beginning = _read_header(plan, store)
    facts = file_facts(check_header(header))
    plan = replace(plan, beginning=beginning)
    if machine is None:
        return replace(plan, facts=facts)
    trained = facts.architecture.context_tokens or VERDICT_CONTEXT_TOKENS
    context = ContextSettings(min(VERDICT_CONTEXT_TOKENS, trained))
    return replace(plan, facts=facts, placement=place(facts.architecture, _weights(plan, facts), machine, context))


def _read_header(plan: PullPlan, store: Store) -> tuple[GgufHeader, bytes]:
    """The header, and the beginning of the file where it had to be fetched."""
    repository, first = plan.repository, plan.files[0]
    blob = store.layout.blob(first.sha256) if first.sha256 else None
    if blob is not None and blob.exists():
        return read_local_header(blob), b""
    part = store.layout.parts / f"{first.sha256}.part"
    here = foreign_progress(store.layout.parts, first.sha256).prefix_bytes if first.sha256 else 0
    remote = RemoteFile(lambda: locate(repository, first), first.name, here=part, here_bytes=here)
    header = parse_header(remote, first.name, remote.size_bytes)  # pyright: ignore[reportArgumentType]
    return header, remote.beginning


def _weights(plan: PullPlan, facts: FileFacts) -> Weights:
    """Of the whole model: the header of a first part knows only its own tensors."""
    weights = weights_of_file(facts)
    if len(plan.files) == 1 or not facts.file_bytes:
        return weights
    share = sum(file.size_bytes or 0 for file in plan.files) / facts.file_bytes

    def scaled(span: tuple[int, int]) -> tuple[int, int]:
        return round(span[0] * share), round(span[1] * share)

    return replace(
        weights,
        size_bytes=scaled(weights.size_bytes),
        bytes_per_token=scaled(weights.bytes_per_token),
        expert_bytes=round(weights.expert_bytes * share),
    )


def _is_path(text: str) -> bool:
    """A file that is there is imported before anyone asks; what is left are typing errors, and folders."""
    return text.startswith((".", "/", "~")) or "\\" in text or (text.endswith(".gguf") and ":" not in text)


def _unknown(text: str, model_id: str, catalog: Catalog) -> ModelNotFoundError:
    near = nearest(model_id, (model.id for model in catalog.models))
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return ModelNotFoundError(
        text, near, hint=f"{hint}Anything on the hub can be pulled by its place: labkit pull hf:org/repo:Q4_K_M"
    )
