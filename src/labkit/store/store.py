"""The store: content by its hash, and models that consist of it.

A model exists from the moment its manifest is renamed into place; its blobs and links are complete before. Removing
goes the other way round. So whatever happens between two steps, nothing half-made is ever visible.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from labkit.catalog import nearest
from labkit.errors import DataFolderError, DownloadError, InvalidModelFileError, ModelNotFoundError
from labkit.files import make_folder, sync_folder, write_atomically
from labkit.hub.lock import FileLock
from labkit.settings import Settings, ensure_writable
from labkit.store.abandoned import remove_abandoned
from labkit.store.layout import StoreLayout, is_model_name, name_of_manifest
from labkit.store.manifest import Manifest, ManifestFile, decode_manifest, encode_manifest


@dataclass(frozen=True, slots=True)
class UnreadableManifest:
    """A manifest that is none: damaged, or of a newer labkit."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in the store, by name."""

    manifests: tuple[Manifest, ...]
    unreadable: tuple[UnreadableManifest, ...] = ()


class Store:
    """The models that labkit pulled or adopted. Methods block on the disk; several processes may use one store."""

    def __init__(self, layout: StoreLayout) -> None:
        self.layout = layout

    def list(self) -> Listing:
        """Every model, and every manifest that cannot be read. Changes nothing."""
        manifests: list[Manifest] = []
        unreadable: list[UnreadableManifest] = []
        for path in sorted(self.layout.manifests.glob("*.json")):
            try:
                manifests.append(self._read(path))
            except FileNotFoundError:  # removed since the folder was read
                continue
            except InvalidModelFileError as error:
                unreadable.append(UnreadableManifest(path, error.message))
        manifests.sort(key=lambda manifest: manifest.name.casefold())
        return Listing(tuple(manifests), tuple(unreadable))

    def find(self, name: str) -> Manifest | None:
        """The model of exactly that name, or the only one (else the newest) of an id without its quantization."""
        if not is_model_name(name):
            return None
        with contextlib.suppress(FileNotFoundError):
            return self._read(self.layout.manifest(name))
        if ":" in name:
            return None
        same = [
            manifest for manifest in self.list().manifests
            if manifest.name.partition(":")[0].casefold() == name.casefold()
        ]  # fmt: skip
        return max(same, key=lambda manifest: manifest.added_at, default=None)

    def get(self, name: str) -> Manifest:
        """As `find`. Raises ModelNotFoundError with the nearest names."""
        found = self.find(name)
        if found is None:
            near = nearest(name, (manifest.name for manifest in self.list().manifests))
            raise ModelNotFoundError(name, near, message=f"the store has no model '{name}'", hint=_hint(near))
        return found

    def path(self, manifest: Manifest, file: ManifestFile | None = None) -> Path:
        """Where a file of a model is, under the publisher's name: the model's first one by default."""
        return self.layout.view_file(manifest.name, (file or manifest.model_files[0]).file)

    def has_content(self, manifest: Manifest) -> bool:
        """Whether every blob is there in its size. Hashes nothing: that is `verify`."""
        return all(_size(self.layout.blob(file.sha256)) == file.size_bytes for file in manifest.files)

    def add(self, manifest: Manifest) -> None:
        """Make a model exist. Its blobs must be there. One of the same name is replaced.

        Raises InvalidModelFileError for a missing blob, DataFolderError, DiskFullError.
        """
        with self.alone():
            for file in manifest.files:
                if _size(self.layout.blob(file.sha256)) != file.size_bytes:
                    raise InvalidModelFileError(
                        f"the content of {file.file} is missing", hint="get it again: type the same command"
                    )
            make_folder(self.layout.manifests)
            make_folder(view := self.layout.view(manifest.name))
            wanted = {self.path(manifest, file): self.layout.blob(file.sha256) for file in manifest.files}
            for link, blob in wanted.items():
                make_link(blob, link)
            sync_folder(view)
            write_atomically(self.layout.manifest(manifest.name), encode_manifest(manifest))
            for stale in set(view.iterdir()) - set(wanted):
                stale.unlink()

    def stage(self, name: str, files: Iterable[ManifestFile]) -> Path:
        """Links to the model files of a model that does not exist yet, beside each other; the path of the first.

        Parts of a model find each other by their names. `unstage` removes them. Raises DownloadError for content that
        another process removed.
        """
        folder = self.layout.staging(name)
        links: list[Path] = []
        with self.alone():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for file in files:
                if not self.layout.blob(file.sha256).exists():
                    raise DownloadError(f"{file.file} was removed meanwhile", hint="type the same command again")
                links.append(folder / self.layout.view_file(name, file.file).name)
                make_link(self.layout.blob(file.sha256), links[-1])
        return links[0]

    def unstage(self, name: str) -> None:
        """Remove what `stage` made."""
        with writing(self.layout.root):
            _remove_view(self.layout.staging(name))

    def remove(self, manifest: Manifest) -> int:
        """Remove a model, and its content where no other model has it. Returns the bytes freed.

        Content that another program's store shares (`linked`) stays there: only our link to it goes.
        """
        with self.alone():
            self.layout.manifest(manifest.name).unlink(missing_ok=True)
            sync_folder(self.layout.manifests)
            _remove_view(self.layout.view(manifest.name))
            kept = {file.sha256 for other in self.list().manifests for file in other.files}
            freed = 0
            for file in manifest.files:
                blob = self.layout.blob(file.sha256)
                if file.sha256 not in kept and os.path.lexists(blob):
                    freed += 0 if _is_shared(blob) else file.size_bytes
                    blob.unlink()
            return freed

    def prepare(self) -> None:
        """Make the folders, private to the user, and clear away what killed processes left. Raises DataFolderError."""
        with writing(self.layout.root):
            make_folder(self.layout.root)
        ensure_writable(self.layout.root)
        with writing(self.layout.root):
            for folder in (self.layout.blobs, self.layout.parts):
                make_folder(folder)
            remove_abandoned(self.layout)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Models appear and go one after the other, whichever process does it. Waits; nobody holds it for long.

        Raises DiskFullError and DataFolderError for what the disk says inside.
        """
        with writing(self.layout.root):
            make_folder(self.layout.root)
            lock = FileLock(self.layout.root / "lock")
            while not lock.try_acquire():
                time.sleep(0.02)
            try:
                yield
            finally:
                lock.release(remove=False)

    def _read(self, path: Path) -> Manifest:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise InvalidModelFileError(f"cannot read {path.name}: {error.strerror}", hint="labkit verify") from error
        manifest = decode_manifest(content, path.name)
        if self.layout.manifest(manifest.name) != path:
            raise InvalidModelFileError(
                f"{path.name} is the manifest of {manifest.name}, not of {name_of_manifest(path)}", hint="labkit verify"
            )
        return manifest


def open_store(settings: Settings) -> Store:
    """The store of this installation. Makes nothing."""
    return Store(StoreLayout(settings.store_folder))


def make_link(content: Path, link: Path) -> None:
    """`link` as another name of `content`: a hard link, which cannot dangle, else a symbolic one. Replaces. OSError."""
    if link.exists() and link.samefile(content):
        return
    draft = link.with_name(f".{link.name}.{os.getpid()}.draft")
    draft.unlink(missing_ok=True)
    try:
        if content.is_symlink():
            draft.symlink_to(content.resolve())
        else:
            try:
                draft.hardlink_to(content)
            except FileNotFoundError:
                raise
            except OSError:  # a file system without them, or too many
                draft.symlink_to(content.resolve())
        draft.replace(link)
    finally:
        draft.unlink(missing_ok=True)


def unreferenced(layout: StoreLayout, manifests: Iterable[Manifest]) -> list[Path]:
    """Blobs that no model has."""
    referenced = {file.sha256 for manifest in manifests for file in manifest.files}
    return [path for path in sorted(layout.blobs.glob("*")) if path.name not in referenced]


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Translate what the disk says: DiskFullError, DataFolderError."""
    import errno

    from labkit.errors import DiskFullError

    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"the disk of {folder} is full", hint="free some space (labkit gc, labkit rm), then try again"
            ) from error
        raise DataFolderError(
            f"cannot write to the store {folder}: {error.strerror or error}",
            hint="make it writable, or choose another folder: LABKIT_HOME=~/labkit-data labkit ...",
        ) from error


def _remove_view(view: Path) -> None:
    if view.is_dir():
        for link in view.iterdir():
            link.unlink()
        view.rmdir()


def _is_shared(blob: Path) -> bool:
    """Whether removing it frees nothing: a symbolic link, or a file with a name in another store."""
    return blob.is_symlink() or blob.stat().st_nlink > 1


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _hint(near: tuple[str, ...]) -> str:
    return f"did you mean {' or '.join(near)}?" if near else "see what is there: labkit ls"
