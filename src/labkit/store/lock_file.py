"""`labkit.lock`: which models a project runs, to the byte. JSON, made to be committed and read in a diff.

Everything that changes an answer stands in it: the files' hashes, the chat template's, the sampling defaults that the
file states. When and by whom a model was added does not, so that two machines write the same file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from labkit.errors import InputError
from labkit.store.manifest import Manifest, ManifestFile, Role

FILE_NAME = "labkit.lock"
SCHEMA_VERSION = 1

ChangeKind = Literal["missing", "extra", "changed", "same"]


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file: `path` inside the repository, else its name."""

    path: str
    sha256: str
    size_bytes: int
    role: Role = "model"
    part: int = 1


@dataclass(frozen=True, slots=True)
class LockedModel:
    """A model, as it must be. `repo` and `commit` are None for one that no hub has."""

    name: str
    files: tuple[LockedFile, ...]
    repo: str | None = None
    commit: str | None = None
    license: str | None = None
    quantization: str | None = None
    template_sha256: str | None = None
    sampling: dict[str, float] = field(default_factory=dict)
    catalog_id: str | None = None


@dataclass(frozen=True, slots=True)
class LockFile:
    """The file. `models` are in order of their names."""

    models: tuple[LockedModel, ...]
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Change:
    """How a model here differs from the lock file; `what` is empty for one that is the same."""

    name: str
    kind: ChangeKind
    what: tuple[str, ...] = ()


def lock(manifests: tuple[Manifest, ...]) -> LockFile:
    """The lock file of these models. Pure."""
    return LockFile(tuple(sorted(map(_locked, manifests), key=lambda model: model.name.casefold())))


def encode_lock(locked: LockFile) -> bytes:
    """As JSON, the same bytes for the same models."""
    return msgspec.json.format(msgspec.json.encode(locked), indent=2) + b"\n"


def read_lock(path: Path) -> LockFile:
    """A lock file. Raises InputError that says what is wrong with it."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"there is no {path}", hint="write one with: labkit lock") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}", hint="check its permissions") from error
    try:
        found = msgspec.json.decode(content, type=LockFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not a lock file: {error}", hint="restore it from version control") from error
    if found.schema_version > SCHEMA_VERSION:
        raise InputError(f"{path} is from a newer labkit", hint="pip install --upgrade labkit")
    return found


def compare(locked: LockFile, manifests: tuple[Manifest, ...]) -> list[Change]:
    """How the models here differ from the lock file, by name. Pure."""
    here = {manifest.name.casefold(): _locked(manifest) for manifest in manifests}
    changes: list[Change] = []
    for model in locked.models:
        found = here.pop(model.name.casefold(), None)
        if found is None:
            changes.append(Change(model.name, "missing"))
        else:
            what = tuple(_differences(model, found))
            changes.append(Change(model.name, "changed" if what else "same", what))
    changes += [Change(model.name, "extra") for model in here.values()]
    return sorted(changes, key=lambda change: change.name.casefold())


def _locked(manifest: Manifest) -> LockedModel:
    return LockedModel(
        name=manifest.name,
        files=tuple(map(_locked_file, manifest.files)),
        repo=manifest.repo,
        commit=manifest.commit,
        license=manifest.license,
        quantization=manifest.quantization,
        template_sha256=manifest.template_sha256,
        sampling=manifest.sampling,
        catalog_id=manifest.catalog_id,
    )


def _locked_file(file: ManifestFile) -> LockedFile:
    return LockedFile(file.path or file.file, file.sha256, file.size_bytes, file.role, file.part)


def _differences(wanted: LockedModel, found: LockedModel) -> Iterator[str]:
    theirs = {(file.role, file.part): file for file in found.files}
    for file in wanted.files:
        other = theirs.pop((file.role, file.part), None)
        if other is None:
            yield f"{file.path} is missing"
        elif other.sha256 != file.sha256:
            yield f"{file.path}: sha256 {other.sha256[:12]}..., locked {file.sha256[:12]}..."
    for file in theirs.values():
        yield f"{file.path} is not in the lock file"
    if wanted.template_sha256 != found.template_sha256:
        yield "its chat template is another"
    if wanted.sampling != found.sampling:
        yield f"sampling defaults {found.sampling or 'none'}, locked {wanted.sampling or 'none'}"
    if wanted.license != found.license:
        yield f"license {found.license or 'unknown'}, locked {wanted.license or 'unknown'}"
