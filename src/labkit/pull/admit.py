"""From bytes that arrived to a model that exists: read strictly, try, write the manifest. Or set aside, with reason."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from labkit import __version__
from labkit.errors import DownloadError, InputError, InvalidModelFileError
from labkit.files import write_atomically
from labkit.gguf import GgufHeader, file_facts, read_header, validate
from labkit.pull.trial import TrialResult, try_model
from labkit.store import Check, Manifest, ManifestFile, Store
from labkit.store.manifest import Origin
from labkit.store.store import writing

TEMPLATE_KEY = "tokenizer.chat_template"
SAMPLING_PREFIX = "general.sampling."


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model came from."""

    origin: Origin
    repo: str | None = None
    revision: str | None = None
    commit: str | None = None
    license: str | None = None
    catalog_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file was set aside."""

    name: str
    file: str
    reason: str
    at: str
    repo: str | None = None


def admit(
    name: str,
    files: tuple[ManifestFile, ...],
    provenance: Provenance,
    store: Store,
    *,
    trial: Callable[[Path], TrialResult] | None = try_model,
) -> Manifest:
    """Check the blobs of `files`, which are in the store, and make the model exist. Blocks: the trial loads the model.

    `trial` None leaves the trial prompt out, for a model that does not fit this machine.
    Raises InvalidModelFileError for a file that must not be served; it is in quarantine then.
    """
    models = [file for file in files if file.role == "model"]
    header: GgufHeader | None = None
    for file in models:
        read = _checked(name, file, provenance, store, first=header is None)
        header = header or read
    if header is None:
        raise InvalidModelFileError(f"{name} has no model file", hint="name a .gguf file")
    facts = file_facts(header)
    manifest = Manifest(
        name=name,
        files=files,
        origin=provenance.origin,
        added_at=now(),
        labkit_version=__version__,
        repo=provenance.repo,
        revision=provenance.revision,
        commit=provenance.commit,
        license=provenance.license or facts.license,
        quantization=facts.quantization,
        architecture=facts.architecture.architecture,
        template_sha256=template_sha256(header),
        sampling=sampling_defaults(header),
        catalog_id=provenance.catalog_id,
        checked=_tried(name, models, provenance, store, trial),
    )
    store.add(manifest)
    return manifest


def template_sha256(header: GgufHeader) -> str | None:
    """Hash of the chat template in a file; None when it has none."""
    template = header.text(TEMPLATE_KEY)
    return hashlib.sha256(template.encode()).hexdigest() if template is not None else None


def sampling_defaults(header: GgufHeader) -> dict[str, float]:
    """What the file's author states of sampling, by the last part of its key."""
    stated = {
        key.removeprefix(SAMPLING_PREFIX): value for key, value in header.metadata.items()
        if key.startswith(SAMPLING_PREFIX) and isinstance(value, int | float)
    }  # fmt: skip
    return {key: float(value) for key, value in sorted(stated.items())}


def refusal_of(sha256: str, store: Store) -> Refusal | None:
    """Why content was refused before; None when it was not."""
    try:
        content = store.layout.quarantined(sha256).with_suffix(".json").read_bytes()
        return msgspec.json.decode(content, type=Refusal)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, InputError):
        return None


def find_refusals(store: Store) -> list[Refusal]:
    """Everything that was set aside, the newest first."""
    found = (refusal_of(path.stem, store) for path in store.layout.quarantine.glob("*.json"))
    return sorted((refusal for refusal in found if refusal), key=lambda refusal: refusal.at, reverse=True)


def forgive(sha256: str, store: Store) -> None:
    """Take content out of quarantine: it is deleted there, and may be pulled again."""
    place = store.layout.quarantined(sha256)
    place.unlink(missing_ok=True)
    place.with_suffix(".json").unlink(missing_ok=True)


def now() -> str:
    """UTC, ISO 8601, seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _checked(name: str, file: ManifestFile, provenance: Provenance, store: Store, *, first: bool) -> GgufHeader:
    blob = store.layout.blob(file.sha256)
    if not blob.exists():  # removed by another process: no reason to refuse it for ever
        raise DownloadError(f"{file.file} was removed while it was checked", hint="type the same command again")
    try:
        # Later parts have tensors alone: what a model must say stands in the first.
        return validate(blob) if first else read_header(blob)
    except InvalidModelFileError as error:
        reason = error.message.replace(blob.name, file.file)
        raise _quarantine(name, file, provenance, store, reason) from error


def _tried(
    name: str,
    files: list[ManifestFile],
    provenance: Provenance,
    store: Store,
    trial: Callable[[Path], TrialResult] | None,
) -> Check:
    if trial is None:
        return Check(now())
    try:
        result = trial(store.stage(name, files))
    finally:
        store.unstage(name)
    if result.problem and not all(store.layout.blob(file.sha256).exists() for file in files):
        raise DownloadError(f"{name} was removed while it was tried", hint="type the same command again")
    if result.problem:
        raise _quarantine(name, files[0], provenance, store, result.problem)
    return Check(now(), result.core_version, result.prompt_tokens)


def _quarantine(
    name: str, file: ManifestFile, provenance: Provenance, store: Store, reason: str
) -> InvalidModelFileError:
    """Move the blob aside, note the reason, and return the error to raise."""
    place = store.layout.quarantined(file.sha256)
    refusal = Refusal(name, file.file, reason, now(), provenance.repo)
    with writing(store.layout.root):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(place.with_suffix(".json"), msgspec.json.format(msgspec.json.encode(refusal), indent=2))
        if os.path.lexists(store.layout.blob(file.sha256)):
            store.layout.blob(file.sha256).replace(place)
    return InvalidModelFileError(
        f"{file.file} is refused: {reason}",
        hint=f"it is in {place.parent} and is never served; choose another quantization or publisher",
    )
