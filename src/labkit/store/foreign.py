"""Models in the stores of other programs: where those are, and what lies in them. Reads only.

Formats: huggingface_hub's cache (models--org--repo/snapshots/<commit>/<file>, links into blobs named by their sha256),
Ollama's (manifests/<host>/<namespace>/<model>/<tag> as JSON, blobs/sha256-<digest>), LM Studio's and llama.cpp's
(plain files in folders).
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.hub.types import HubFile
from labkit.store.manifest import Origin

_OLLAMA_MODEL = "application/vnd.ollama.image.model"
_OLLAMA_PROJECTOR = "application/vnd.ollama.image.projector"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LATER_PART = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$")
_MAX_MANIFEST_BYTES = 1024 * 1024
OLLAMA_LIBRARY = "registry.ollama.ai/library/"


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file in another program's store.

    Attributes:
        stated_sha256: as that program names it; not a proof.
    """

    path: Path
    name: str
    size_bytes: int
    stated_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """A model in another program's store, under the name that labkit would give it."""

    name: str
    origin: Origin
    files: tuple[ForeignFile, ...]
    projector: ForeignFile | None = None
    repo: str | None = None
    commit: str | None = None

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        files = (*self.files, *((self.projector,) if self.projector else ()))
        return sum(file.size_bytes for file in files)


def find_foreign_models(environment: Mapping[str, str], home: Path) -> list[ForeignModel]:
    """Every model in the stores that are found, in a fixed order. Blocks on the disk; opens no model."""
    found: list[ForeignModel] = []
    for folder in _first_existing(hugging_face_folders(environment, home)):
        found += _hugging_face(folder)
    for folder in _first_existing(ollama_folders(environment, home)):
        found += _ollama(folder)
    for folder in _first_existing(lm_studio_folders(home)):
        found += _plain(folder, "lm-studio")
    for folder in _first_existing(llama_cpp_folders(environment, home)):
        found += _plain(folder, "llama.cpp-cache")
    return found


def hugging_face_folders(environment: Mapping[str, str], home: Path) -> list[Path]:
    """Where huggingface_hub caches, in its own order."""
    if cache := environment.get("HF_HUB_CACHE"):
        return [Path(cache)]
    if base := environment.get("HF_HOME"):
        return [Path(base) / "hub"]
    cache_home = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    return [cache_home / "huggingface" / "hub"]


def ollama_folders(environment: Mapping[str, str], home: Path) -> list[Path]:
    """Where Ollama keeps models: as the user's program, and as the service of Linux."""
    if folder := environment.get("OLLAMA_MODELS"):
        return [Path(folder)]
    return [home / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models"), Path("/var/lib/ollama/models")]


def lm_studio_folders(home: Path) -> list[Path]:
    """Where LM Studio keeps models, newest habit first."""
    return [home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"]


def llama_cpp_folders(environment: Mapping[str, str], home: Path) -> list[Path]:
    """Where llama.cpp's own programs keep what they download."""
    if folder := environment.get("LLAMA_CACHE"):
        return [Path(folder)]
    base = environment.get("XDG_CACHE_HOME")
    return [Path(base) / "llama.cpp" if base else home / ".cache" / "llama.cpp", home / "Library/Caches/llama.cpp"]


def _first_existing(folders: list[Path]) -> list[Path]:
    return [folder for folder in folders if folder.is_dir()]


def _hugging_face(cache: Path) -> Iterator[ForeignModel]:
    for repo_folder in sorted(cache.glob("models--*--*")):
        repo = "/".join(repo_folder.name.split("--")[1:3])
        snapshots = [path for path in (repo_folder / "snapshots").glob("*") if _COMMIT.fullmatch(path.name)]
        seen: set[str] = set()
        for snapshot in sorted(snapshots, key=lambda path: path.stat().st_mtime, reverse=True):
            for model in _models_in(snapshot, repo, "huggingface-cache", snapshot.name):
                if model.name not in seen:  # the newest snapshot's
                    seen.add(model.name)
                    yield model


def _plain(folder: Path, origin: Origin) -> Iterator[ForeignModel]:
    """Files in <publisher>/<repository>/ or straight in the folder."""
    folders = {path.parent for path in folder.rglob("*.gguf")}
    for inside in sorted(folders):
        parts = inside.relative_to(folder).parts
        repo = "/".join(parts[:2]) if len(parts) >= 2 else None
        yield from _models_in(inside, repo, origin, None)


def _models_in(folder: Path, repo: str | None, origin: Origin, commit: str | None) -> Iterator[ForeignModel]:
    files = {path: HubFile(path.relative_to(folder).as_posix()) for path in sorted(folder.rglob("*.gguf"))}
    if commit is None:
        files = {path: file for path, file in files.items() if "/" not in file.path}
    projectors = [path for path, file in files.items() if file.role == "projector"]
    for path, file in files.items():
        if file.role != "model" or _LATER_PART.search(path.name):
            continue
        parts = _parts_of(path, file, files)
        if parts is None:
            continue
        quantization = file.quantization or file.stem
        yield ForeignModel(
            name=f"{repo}:{quantization}" if repo else file.stem,
            origin=origin,
            files=tuple(map(_file, parts)),
            projector=_file(projectors[0]) if projectors else None,
            repo=repo,
            commit=commit,
        )


def _parts_of(path: Path, file: HubFile, files: dict[Path, HubFile]) -> list[Path] | None:
    """All parts in order; None when some are missing, and for a link that leads nowhere."""
    if file.part is None:
        return [path] if path.exists() else None
    parts = [
        other for other, entry in files.items()
        if entry.part and entry.stem == file.stem and other.parent == path.parent and other.exists()
    ]  # fmt: skip
    return sorted(parts) if len(parts) == file.part[1] else None


def _file(path: Path) -> ForeignFile:
    real = path.resolve()
    stated = real.name if _SHA256.fullmatch(real.name) else None
    return ForeignFile(real, path.name, real.stat().st_size, stated)


def _ollama(folder: Path) -> Iterator[ForeignModel]:
    root = folder / "manifests"
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.stat().st_size > _MAX_MANIFEST_BYTES:
            continue
        layers = _layers(path)
        model = _blob(folder, layers.get(_OLLAMA_MODEL), "model")
        if model is None:
            continue
        place = path.relative_to(root).as_posix()
        place, _, tag = place.removeprefix(OLLAMA_LIBRARY).rpartition("/")
        name = "-".join(part for part in place.split("/")[-2:] if part)
        projector = _blob(folder, layers.get(_OLLAMA_PROJECTOR), "mmproj")
        yield ForeignModel(f"{name}:{tag}", "ollama", (model,), projector)


def _layers(path: Path) -> dict[str, Any]:
    """Digests by media type; the first of each."""
    try:
        document = json.loads(path.read_bytes())
        return {layer["mediaType"]: layer["digest"] for layer in reversed(document["layers"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _blob(folder: Path, digest: Any, kind: str) -> ForeignFile | None:
    sha256 = digest.removeprefix("sha256:") if isinstance(digest, str) else ""
    if not _SHA256.fullmatch(sha256):
        return None
    path = folder / "blobs" / f"sha256-{sha256}"
    if not os.access(path, os.R_OK):
        return None
    return ForeignFile(path, f"{kind}.gguf", path.stat().st_size, sha256)
