"""Where things are in the store. Nothing that a person or a server says becomes part of a path unchecked.

store/
  blobs/<sha256>                   content; never changed, only added and removed; read-only
  parts/<sha256>.part, .progress   downloads that are not complete
  models/<name>/<file>             links to blobs under the publisher's names (files in parts need their names)
  manifests/<name>.json            what a model consists of: with it the model exists, without it it does not
  quarantine/<sha256>, .json       files that were refused, with the reason
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from labkit.errors import InputError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?(:[A-Za-z0-9][A-Za-z0-9._-]*)?")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+ -]*")
MAX_NAME = 160


@dataclass(frozen=True, slots=True)
class StoreLayout:
    """Paths under `root`. Makes nothing."""

    root: Path

    @property
    def blobs(self) -> Path:
        """Content by its hash."""
        return self.root / "blobs"

    @property
    def parts(self) -> Path:
        """Downloads that are not complete."""
        return self.root / "parts"

    @property
    def models(self) -> Path:
        """Links with names that a person and llama.cpp can read."""
        return self.root / "models"

    @property
    def manifests(self) -> Path:
        """What exists."""
        return self.root / "manifests"

    @property
    def quarantine(self) -> Path:
        """Files that were refused."""
        return self.root / "quarantine"

    def blob(self, sha256: str) -> Path:
        """The place of content. Raises InputError for what is no sha256."""
        return self.blobs / _checked(_SHA256, sha256, "a sha256")

    def quarantined(self, sha256: str) -> Path:
        """The place of refused content. Raises InputError for what is no sha256."""
        return self.quarantine / _checked(_SHA256, sha256, "a sha256")

    def manifest(self, name: str) -> Path:
        """The manifest of a model. Raises InputError for what is no model name."""
        return self.manifests / f"{_folded(name)}.json"

    def view(self, name: str) -> Path:
        """The folder with a model's files. Raises InputError for what is no model name."""
        return self.models / _folded(name)

    def staging(self, name: str) -> Path:
        """The folder of a model that is being tried; its process's own. Raises InputError for what is no model name."""
        return self.parts / f"{_folded(name)}.{os.getpid()}.trial"

    def view_file(self, name: str, file: str) -> Path:
        """A file of a model, by the publisher's name without folders. Raises InputError for what is no file name."""
        return self.view(name) / _checked(_FILE, file.rpartition("/")[2], "a file name")


def is_model_name(name: str) -> bool:
    """Whether `name` can name a model in the store: "id", "id:quantization", "org/repo:quantization"."""
    return len(name) <= MAX_NAME and ".." not in name and _NAME.fullmatch(name) is not None


def name_of_manifest(path: Path) -> str:
    """The model that a manifest file belongs to."""
    return unquote(path.stem)


def _folded(name: str) -> str:
    if not is_model_name(name):
        raise InputError(f"'{name}' is not the name of a model", hint="see the names with: labkit ls")
    # File systems of Windows and macOS do not tell case apart: one name in two cases is one model.
    return quote(name.casefold(), safe="")


def _checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text) or ".." in text:
        raise InputError(f"'{text}' is not {what}")
    return text
