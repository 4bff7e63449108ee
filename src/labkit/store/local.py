"""Models on this machine: the embedded one, files in the models folder, and any path a person names."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from labkit import resources
from labkit.catalog import Catalog, CatalogModel, load_catalog, nearest
from labkit.errors import InputError, InvalidModelFileError, ModelNotFoundError
from labkit.gguf import read_general
from labkit.hub.names import is_place
from labkit.model import ModelRef
from labkit.settings import Settings
from labkit.store.manifest import Manifest
from labkit.store.store import Store, open_store

EMBEDDED_NAME = "nano"
EMBEDDED_ALIASES = (EMBEDDED_NAME, "labkit-nano")
EMBEDDED_LICENSE = "apache-2.0"
_LATER_PART = re.compile(r"-(?!00001)\d{5}-of-\d{5}$")
_NOT_SERVED = ("mmproj", "mtp-", "imatrix")


def resolve(name_or_path: str, settings: Settings) -> ModelRef:
    """The model on this machine that `name_or_path` means.

    Tried in this order: the embedded model's names, the store, a path, a name in the models folder, a catalogue id
    whose file is in the models folder. Reads folders, opens no model, changes nothing.
    Raises ModelNotFoundError that says what to type, InputError for a name that fits several files.
    """
    if name_or_path.casefold() in EMBEDDED_ALIASES:
        return embedded()
    if (stored := find_stored(name_or_path, settings)) is not None:
        return stored
    if _is_path(name_or_path):
        return _from_path(name_or_path, settings)
    found = _from_folder(name_or_path, settings.models_folder)
    if found is not None:
        return found
    catalog = load_catalog(settings.catalog_folder)
    known = catalog.find(name_or_path)
    if known is None:
        raise _unknown(name_or_path, settings, catalog)
    downloaded = find_downloaded(known, settings)
    if downloaded is None:
        raise _not_downloaded(known)
    return downloaded


def list_models(settings: Settings) -> tuple[ModelRef, ...]:
    """Models that can be served without a download: the embedded one, then the others by name.

    Reads the first kilobytes of each file for its license; a damaged file is listed all the same.
    """
    folder = settings.models_folder
    paths = _files(folder)
    names = _names(paths, folder)
    found = (ModelRef(name, path, _license(path), "data folder") for path, name in names.items())
    return (embedded(), *sorted((*list_stored(settings), *found), key=lambda ref: ref.name.casefold()))


def embedded() -> ModelRef:
    """The model that comes with labkit."""
    return ModelRef(EMBEDDED_NAME, resources.embedded_model(), EMBEDDED_LICENSE, "embedded")


def find_stored(name: str, settings: Settings) -> ModelRef | None:
    """The model of the store that `name` means, or None; also None while its content is missing."""
    store = open_store(settings)
    manifest = store.find(name)
    return _stored(store, manifest) if manifest is not None and store.has_content(manifest) else None


def list_stored(settings: Settings) -> tuple[ModelRef, ...]:
    """Models of the store whose content is there."""
    return tuple(_stored(store, manifest) for store, manifest in _whole(settings))


def _whole(settings: Settings) -> Iterator[tuple[Store, Manifest]]:
    store = open_store(settings)
    return ((store, manifest) for manifest in store.list().manifests if store.has_content(manifest))


def _stored(store: Store, manifest: Manifest) -> ModelRef:
    return ModelRef(manifest.name, store.path(manifest), manifest.license, "store")


def find_downloaded(model: CatalogModel, settings: Settings) -> ModelRef | None:
    """A catalogue model in the store or, by its file's name, in the models folder; the catalogue's order decides."""
    if (stored := find_stored(model.id, settings)) is not None:
        return stored
    by_name = {path.name.casefold(): path for path in _files(settings.models_folder)}
    for file in model.model_files:
        path = by_name.get(Path(file.file).name.casefold())
        if path is not None:
            return ModelRef(model.id, path, model.license, "data folder")
    return None


def present_files(settings: Settings) -> frozenset[str]:
    """Names of the files in the store and in the models folder, in small letters. Reads no model."""
    stored = {file.file.casefold() for _, manifest in _whole(settings) for file in manifest.files}
    return frozenset(stored | {path.name.casefold() for path in _files(settings.models_folder)})


def pull_command(model: CatalogModel, quantization: str | None = None) -> str:
    """What to type to get a model: in `quantization`, else in the one that suits the machine."""
    if not model.model_files and not model.gguf_repos:
        return f"look on huggingface.co for a GGUF file of {model.source_repo or model.id}: labkit pull hf:org/repo"
    return f"labkit pull {model.id}:{quantization}" if quantization else f"labkit pull {model.id}"


def _is_path(text: str) -> bool:
    return "/" in text or "\\" in text or text.startswith("~") or (text.endswith(".gguf") and Path(text).exists())


def _from_path(text: str, settings: Settings) -> ModelRef:
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:  # ~user without such a user
        raise ModelNotFoundError(text, hint="write the whole path") from error
    if path.is_file():
        return ModelRef(path.stem, path.resolve())
    inside = _from_folder(text, settings.models_folder)
    if inside is not None:
        return inside
    if path.is_dir():
        listed = ", ".join(sorted(entry.name for entry in path.glob("*.gguf"))[:3])
        raise ModelNotFoundError(text, hint=f"it is a folder; name a file in it: {listed or 'it has no .gguf files'}")
    if path.exists():
        return ModelRef(path.stem, path)  # a pipe or a device: the validator says what is wrong
    neighbours = nearest(path.name, (entry.name for entry in path.parent.glob("*.gguf")))
    near = f"there is {' and '.join(neighbours)}" if neighbours else f"there is no such file in {path.parent}"
    if not neighbours and is_place(text):
        near = f"if it is on the hub: labkit pull {text}"
    raise ModelNotFoundError(text, neighbours, hint=near)


def _from_folder(name: str, folder: Path) -> ModelRef | None:
    wanted = name.removesuffix(".gguf")
    names = _names(_files(folder), folder)
    for fold in (str, str.casefold):
        matches = [
            path for path, short in names.items()
            if fold(wanted) in (fold(short), fold(path.stem), fold(_relative(path, folder)))
        ]  # fmt: skip
        if len(matches) > 1:
            listed = " or ".join(_relative(path, folder) for path in matches)
            raise InputError(f"several files are named '{name}'", hint=f"say which one: {listed}")
        if matches:
            return ModelRef(names[matches[0]], matches[0], source="data folder")
    return None


def _files(folder: Path) -> list[Path]:
    """Files that can be served: no projectors, no drafts, of files in parts the first, nothing half-downloaded."""
    if not folder.is_dir():
        return []
    return [
        path for path in sorted(folder.rglob("*.gguf"))
        if path.is_file() and not path.name.startswith(".") and ".cache" not in path.parts
        and not _LATER_PART.search(path.stem) and not any(part in path.name.casefold() for part in _NOT_SERVED)
    ]  # fmt: skip


def _names(paths: Iterable[Path], folder: Path) -> dict[Path, str]:
    """Short names where they are unique, else the path inside the folder without its suffix."""
    paths = list(paths)
    stems = [path.stem.casefold() for path in paths]
    return {path: path.stem if stems.count(path.stem.casefold()) == 1 else _relative(path, folder) for path in paths}


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _license(path: Path) -> str | None:
    try:
        found = read_general(path).get("general.license")
    except InvalidModelFileError:
        return None
    return found if isinstance(found, str) else None


def _unknown(name: str, settings: Settings, catalog: Catalog) -> ModelNotFoundError:
    local = [ref.name for ref in list_models(settings)]
    return ModelNotFoundError(name, nearest(name, [*EMBEDDED_ALIASES, *local, *(model.id for model in catalog.models)]))


def _not_downloaded(model: CatalogModel) -> ModelNotFoundError:
    return ModelNotFoundError(
        model.id,
        message=f"'{model.id}' is a known model, and not on this machine yet",
        hint=f"{pull_command(model)}\n     then: labkit serve {model.id}",
    )
