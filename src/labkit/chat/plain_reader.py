"""Text that is nothing but text."""

from typing import Protocol

from labkit.chat.pieces import ContentPiece, Piece


class Reader(Protocol):
    """Splits an answer's text, as it arrives, into content, reasoning and tool calls. Modifies itself."""

    @property
    def is_reasoning(self) -> bool:
        """Whether the next text will be reasoning, as far as is known."""
        ...

    def feed(self, text: str) -> list[Piece]:
        """What is certain after `text`; the rest is held back."""
        ...

    def finish(self) -> list[Piece]:
        """What was held back. Nothing the model wrote is lost: a broken call comes out as content."""
        ...


class PlainReader:
    """Passes text through: for completions, and for answers without tools of models that do not reason."""

    is_reasoning = False

    def feed(self, text: str) -> list[Piece]:
        """The text itself."""
        return [ContentPiece(text)] if text else []

    def finish(self) -> list[Piece]:
        """Nothing is held back."""
        return []
