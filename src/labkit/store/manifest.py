"""The manifest of a model: what it consists of, where that came from, and what was checked. JSON on disk."""

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from labkit.errors import InvalidModelFileError

SCHEMA_VERSION = 1
_SET_ASIDE = "labkit verify sets it aside; pull the model again"

Role = Literal["model", "projector", "draft", "adapter"]
Origin = Literal["hub", "file", "huggingface-cache", "ollama", "lm-studio", "llama.cpp-cache", "bundle"]


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file of a model.

    Attributes:
        file: the publisher's name, without folders.
        part: number of this file of a model in several; 1 for a whole one.
        path: inside the repository on the hub; empty for a file that came from elsewhere.
        linked: the content belongs to another program's store: the blob is a link, and may vanish with it.
    """

    file: str
    sha256: str
    size_bytes: int
    role: Role = "model"
    part: int = 1
    path: str = ""
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """That a file passed: the strict reader, and a trial prompt in a process of its own.

    Attributes:
        core_version: of llama-cpp-python in the trial; another version may behave otherwise.
        at: UTC, ISO 8601.
        prompt_tokens: length of the trial prompt, when one was run.
    """

    at: str
    core_version: str | None = None
    prompt_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model in the store.

    Attributes:
        name: what a person types: "qwen3-8b:Q4_K_M", or "org/repo:Q4_K_M" for one that the catalogue does not know.
        files: the model's files in order, then projectors and drafts.
        repo: repository on the hub, and `commit` it was read at; `revision` is what was asked for.
        template_sha256: of the chat template in the file; None when it has none.
        sampling: defaults that the file itself states ("temp", "top_p", ...).
        added_at: UTC, ISO 8601; `labkit_version` did it.
    """

    name: str
    files: tuple[ManifestFile, ...]
    origin: Origin
    added_at: str
    labkit_version: str
    repo: str | None = None
    revision: str | None = None
    commit: str | None = None
    license: str | None = None
    quantization: str | None = None
    architecture: str | None = None
    template_sha256: str | None = None
    catalog_id: str | None = None
    checked: Check | None = None
    sampling: dict[str, float] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def model_files(self) -> tuple[ManifestFile, ...]:
        """The model itself, in order of its parts."""
        return tuple(file for file in self.files if file.role == "model")

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)


def encode_manifest(manifest: Manifest) -> bytes:
    """As JSON, indented, keys in the order above."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(content: bytes, source: str) -> Manifest:
    """From JSON; `source` names it in errors. Raises InvalidModelFileError for anything else, and newer schemas."""
    try:
        found = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidModelFileError(
            f"{source} is not a manifest: {error}", hint="labkit verify sets it aside"
        ) from error
    if found.schema_version > SCHEMA_VERSION:
        raise InvalidModelFileError(f"{source} is from a newer labkit", hint="pip install --upgrade labkit")
    if not found.model_files:
        raise InvalidModelFileError(f"{source} names no model file", hint=_SET_ASIDE)
    return found
