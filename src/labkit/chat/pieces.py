"""What a parser makes of a model's text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContentPiece:
    """Text for the reader."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningPiece:
    """What the model thought before it answered."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallPiece:
    """News of a tool call: `name` with its first piece, then argument JSON as it arrives."""

    index: int
    name: str | None = None
    arguments: str = ""


Piece = ContentPiece | ReasoningPiece | ToolCallPiece
