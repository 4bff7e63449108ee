"""Captures written for these tests, in the formats people send: tests/data/hardware/captures/*.toml as folders."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CAPTURES = Path(__file__).parents[1] / "data" / "hardware" / "captures"


@dataclass(frozen=True)
class WrittenCapture:
    """Files by name, and what a detector must conclude: `expect` by key of the summary, `unknown` keys are null."""

    name: str
    files: dict[str, bytes]
    expect: dict[str, Any]
    unknown: tuple[str, ...]
    several: bool

    def write(self, folder: Path) -> Path:
        """The capture as a folder."""
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder


def load_capture(name: str) -> WrittenCapture:
    """The capture of that name."""
    document = tomllib.loads((CAPTURES / f"{name}.toml").read_text(encoding="utf-8"))
    encoding = document.get("encoding", "utf-8")
    return WrittenCapture(
        name=name,
        files={path: text.encode(encoding) for path, text in document["files"].items()},
        expect=document["expect"],
        unknown=tuple(document.get("unknown", {}).get("keys", ())),
        several=document.get("several", False),
    )


def capture_names() -> list[str]:
    """Every written capture."""
    return sorted(path.stem for path in CAPTURES.glob("*.toml"))
