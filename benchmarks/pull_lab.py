"""What the benchmarks of `labkit pull` share: a hub in a box with one model, and pulls as processes of their own."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fakes.hub import BoxRepository, HubBox, hub_box
from labkit.hub.part import HEADER_BYTES, PIECE_BYTES
from options import find_model

NAME = "hf:org/model-GGUF:Q4_K_M"
FILE = "model-Q4_K_M.gguf"


@dataclass(frozen=True, slots=True)
class PullLab:
    """A hub with `model`, and a folder for homes of labkit."""

    box: HubBox
    model: Path
    sha256: str
    folder: Path

    def pull(self, home: Path) -> "subprocess.Popen[bytes]":
        """`labkit pull` of the model into `home`, started."""
        log = (self.folder / "pull.log").open("ab")
        return subprocess.Popen(
            [sys.executable, "-m", "labkit", "pull", NAME],
            env={**os.environ, **self.box.environment(), "LABKIT_HOME": str(home)},
            stdout=log,
            stderr=log,
        )

    def arrived(self, home: Path) -> list[tuple[int, int]]:
        """Spans (start, end) of an unfinished pull that are on disk, by its own progress file."""
        path = home / "store" / "parts" / f"{self.sha256}.progress"
        if not path.exists():
            return []
        table = path.read_bytes()[HEADER_BYTES:]
        counts = [int.from_bytes(table[place : place + 8], "little") for place in range(0, len(table), 16)]
        return [(n * PIECE_BYTES, n * PIECE_BYTES + count) for n, count in enumerate(counts) if count]

    def asked_again(self, arrived: list[tuple[int, int]], first: int) -> int:
        """Bytes of `arrived` that the storage was asked for, from its request number `first` on."""
        asked: set[tuple[int, int]] = set()
        for seen in self.box.seen[first:]:
            if seen.server == "storage" and seen.range:
                start, _, last = seen.range.removeprefix("bytes=").partition("-")
                asked.add((int(start), int(last) + 1))
        return sum(max(min(a[1], b[1]) - max(a[0], b[0]), 0) for a in arrived for b in asked)

    def wait(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait for a pull to end; one that fails shows what it said."""
        if process.wait():
            print((self.folder / "pull.log").read_text(errors="replace")[-2000:], file=sys.stderr)

    def blob(self, home: Path) -> Path:
        """Where the model's content is in `home` once it is there."""
        return home / "store" / "blobs" / self.sha256

    def received_bytes(self, home: Path) -> int:
        """What an unfinished pull has, by its own progress file."""
        from labkit.hub import foreign_progress

        return foreign_progress(home / "store" / "parts", self.sha256).received_bytes

    def leftovers(self, home: Path) -> list[str]:
        """Files that a finished pull should not leave."""
        store = home / "store"
        known = {self.blob(home)}
        hidden = store.rglob(".*")
        rest = [path for folder in ("parts", "blobs") for path in (store / folder).iterdir() if path not in known]
        return [path.name for path in (*rest, *hidden)]


@contextlib.contextmanager
def pull_lab(model: str = "0.5B") -> Iterator[PullLab]:
    """A running lab; its folder is deleted at the end."""
    path = find_model(model)
    repositories = {"org/model-GGUF": BoxRepository({FILE: path})}
    with tempfile.TemporaryDirectory(prefix="labkit-pull-") as folder, hub_box(repositories) as box:
        yield PullLab(box, path, box.digest("org/model-GGUF", FILE), Path(folder))
