"""No tool calls: everything is content."""

from labkit.chat.pieces import ContentPiece, Piece


class Parser:
    """Passes text through."""

    def feed(self, text: str) -> list[Piece]:
        """The text itself."""
        return [ContentPiece(text)] if text else []

    def finish(self) -> list[Piece]:
        """Nothing is held back."""
        return []
