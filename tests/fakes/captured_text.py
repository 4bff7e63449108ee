"""Outputs of tools, as they print them, from tests/data/hardware/texts."""

from pathlib import Path

TEXTS = Path(__file__).parents[1] / "data" / "hardware" / "texts"


def captured(name: str) -> str:
    """One whole output."""
    return (TEXTS / name).read_text(encoding="utf-8")


def cut_pieces(text: str, count: int = 20) -> list[str]:
    """The text, cut at `count` places all over it, also within words and numbers."""
    return [text[: len(text) * place // (count + 1) + place % 3] for place in range(1, count + 1)]
