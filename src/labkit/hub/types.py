"""What a hub has: repositories at a commit, their files, and where the bytes are."""

import re
from dataclasses import dataclass
from typing import Literal

FileRole = Literal["model", "projector", "draft", "imatrix", "adapter", "other"]

_SPLIT = re.compile(r"-(\d{5})-of-(\d{5})$")
# A quantization as publishers write it, between separators: "Q4_K_M", "UD-Q4_K_XL", "IQ3_XXS", "MXFP4_MOE", "BF16".
_QUANTIZATION = re.compile(
    r"(?:^|[-._/])((?:UD-)?(?:I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP4(?:_MOE)?|NVFP4|BF16|F16|F32))(?=$|[-._/])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository.

    Attributes:
        path: inside the repository, with forward slashes.
        size_bytes: None when the hub does not say.
        sha256: of the content; None for files that are not stored as LFS objects, whose hash the hub does not list.
    """

    path: str
    size_bytes: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without ".gguf" and without the number of a part."""
        return _SPLIT.sub("", self.name.removesuffix(".gguf"))

    @property
    def part(self) -> tuple[int, int] | None:
        """(number, count) of a model that is stored in several files; None of one that is whole."""
        match = _SPLIT.search(self.name.removesuffix(".gguf"))
        return (int(match[1]), int(match[2])) if match else None

    @property
    def quantization(self) -> str | None:
        """As its name says, in capitals; None when the name does not say."""
        found = _QUANTIZATION.findall(f"{self.path.rpartition('/')[0]}/{self.stem}")
        return found[-1].upper() if found else None

    @property
    def role(self) -> FileRole:
        """What it is for, by the habits of publishers."""
        name = self.name.casefold()
        if not name.endswith(".gguf"):
            return "other"
        for mark, role in _MARKS:
            if name.startswith(mark) or f"-{mark}" in name or f".{mark}" in name or f"_{mark}" in name:
                return role
        return "model"


_MARKS: tuple[tuple[str, FileRole], ...] = (
    ("mmproj", "projector"), ("imatrix", "imatrix"), ("mtp", "draft"), ("lora", "adapter"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit.

    Attributes:
        commit: 40 hexadecimal digits; never a branch, so it stays the same.
        revision: what was asked for ("main").
        license: as its card states it; None when it does not.
        gated: access must be asked for on the web page.
    """

    name: str
    revision: str
    commit: str
    files: tuple[HubFile, ...]
    license: str | None = None
    gated: bool = False

    @property
    def models(self) -> tuple[HubFile, ...]:
        """GGUF files that can be served, of those in parts the first."""
        return tuple(file for file in self.files if file.role == "model" and (file.part or (1, 1))[0] == 1)

    def parts_of(self, first: HubFile) -> tuple[HubFile, ...]:
        """All files of a model in order; itself alone when it is whole."""
        if first.part is None:
            return (first,)
        folder = first.path.rpartition("/")[0]
        same = [
            file for file in self.files
            if file.part and file.part[1] == first.part[1] and file.stem == first.stem
            and file.path.rpartition("/")[0] == folder and file.role == first.role
        ]  # fmt: skip
        return tuple(sorted(same, key=lambda file: file.part or (0, 0)))


@dataclass(frozen=True, slots=True)
class Location:
    """Where a file's bytes are now. `url` may be signed and expire; the token never goes there.

    Attributes:
        sha256: as the hub states it for this file.
        on_hub: the hub itself serves them, so its token may go along.
    """

    url: str
    size_bytes: int
    sha256: str | None
    on_hub: bool
