"""Models in one file, for a machine without a network: a plain tar of manifests, then content by its hash.

Not compressed, because weights do not shrink. Reading trusts nothing: names, sizes and hashes are checked, and what
is not expected is refused; nothing is unpacked by name.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from labkit.errors import IntegrityError, InvalidModelFileError
from labkit.files import draft_of, sync_folder
from labkit.store.manifest import Manifest
from labkit.store.store import Store, writing

INDEX = "labkit-bundle.json"
BLOBS = "blobs/"
_MAX_INDEX_BYTES = 16 * 1024 * 1024
_COPY_BYTES = 4 * 1024 * 1024
_NOT_A_BUNDLE = "make one with: labkit bundle export FILE"


def export_bundle(
    manifests: tuple[Manifest, ...], store: Store, target: Path, on_bytes: Callable[[int], None] = lambda _: None
) -> int:
    """Write models to `target`, which appears whole or not at all. Blocks. Returns its size in bytes.

    Raises InvalidModelFileError for a model whose content is missing, DiskFullError, DataFolderError.
    """
    for manifest in manifests:
        if not store.has_content(manifest):
            raise InvalidModelFileError(
                f"the content of {manifest.name} is missing", hint=f"labkit verify {manifest.name}"
            )
    sizes = {file.sha256: file.size_bytes for manifest in manifests for file in manifest.files}
    with writing(target.parent):
        draft = draft_of(target)
        try:
            with tarfile.open(draft, "w", format=tarfile.PAX_FORMAT) as archive:
                _add(archive, INDEX, io.BytesIO(index := msgspec.json.encode(manifests)), len(index), on_bytes)
                for sha256, size in sizes.items():
                    with store.layout.blob(sha256).open("rb") as blob:
                        _add(archive, BLOBS + sha256, blob, size, on_bytes)
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(target)
            sync_folder(target.parent)
        finally:
            draft.unlink(missing_ok=True)
    return target.stat().st_size


def import_blobs(source: Path, store: Store, on_bytes: Callable[[int], None] = lambda _: None) -> tuple[Manifest, ...]:
    """Put the content of a bundle into the store, hashed on the way; the models it is for, which do not exist yet.

    Blocks. Content that is here already is skipped. Raises InvalidModelFileError for a file that is no bundle,
    IntegrityError for content that is not what its name says, DiskFullError.
    """
    store.prepare()
    try:
        with tarfile.open(source, "r:") as archive:
            manifests = _read_index(archive, source)
            expected = {file.sha256: file.size_bytes for manifest in manifests for file in manifest.files}
            found = set(_take_blobs(archive, expected, store, on_bytes))
    except (tarfile.TarError, EOFError) as error:
        raise InvalidModelFileError(f"{source.name} is not a whole bundle: {error}", hint=_NOT_A_BUNDLE) from error
    except OSError as error:
        raise InvalidModelFileError(
            f"cannot read {source}: {error.strerror or error}", hint="check the path"
        ) from error
    missing = [sha256 for sha256 in expected if sha256 not in found and not store.layout.blob(sha256).exists()]
    if missing:
        raise InvalidModelFileError(f"{source.name} is cut: {len(missing)} files are not in it", hint="copy it again")
    return manifests


def _add(archive: tarfile.TarFile, name: str, content, size: int, on_bytes: Callable[[int], None]) -> None:
    # No owner, no time: the same models make the same archive.
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    archive.addfile(info, content)
    on_bytes(size)


def _read_index(archive: tarfile.TarFile, source: Path) -> tuple[Manifest, ...]:
    first = archive.next()
    if first is None or first.name != INDEX or not first.isreg() or first.size > _MAX_INDEX_BYTES:
        raise InvalidModelFileError(f"{source.name} is not a bundle of labkit", hint=_NOT_A_BUNDLE)
    content = archive.extractfile(first)
    try:
        return msgspec.json.decode(content.read() if content else b"", type=tuple[Manifest, ...])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidModelFileError(f"the list in {source.name} is damaged: {error}", hint="copy it again") from error


def _take_blobs(
    archive: tarfile.TarFile, expected: dict[str, int], store: Store, on_bytes: Callable[[int], None]
) -> Iterator[str]:
    while (member := archive.next()) is not None:
        sha256 = member.name.removeprefix(BLOBS)
        if not member.isreg() or expected.get(sha256) != member.size or not member.name.startswith(BLOBS):
            raise InvalidModelFileError(f"the bundle has an unexpected '{member.name[:80]}'", hint=_NOT_A_BUNDLE)
        if not store.layout.blob(sha256).exists():
            content = archive.extractfile(member)
            if content is not None:
                _take(content, sha256, store, on_bytes)
        yield sha256


def _take(content, sha256: str, store: Store, on_bytes: Callable[[int], None]) -> None:
    draft = store.layout.parts / f"{sha256}.{os.getpid()}.import"
    digest = hashlib.sha256()
    with writing(store.layout.root):
        try:
            with draft.open("wb") as file:
                while data := content.read(_COPY_BYTES):
                    digest.update(data)
                    file.write(data)
                    on_bytes(len(data))
                file.flush()
                os.fsync(file.fileno())
            if digest.hexdigest() != sha256:
                raise IntegrityError(
                    f"content in the bundle is not what its name says (sha256 {digest.hexdigest()[:12]}...)",
                    hint="copy the bundle again",
                )
            draft.chmod(0o444)
            draft.replace(store.layout.blob(sha256))
            sync_folder(store.layout.blobs)
        finally:
            draft.unlink(missing_ok=True)
