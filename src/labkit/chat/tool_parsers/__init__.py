"""One small file per family of tool-call formats, each with MARKER and Parser. Chosen by the model's template."""

from typing import Protocol

from labkit.chat.pieces import Piece
from labkit.chat.tool_parsers import hermes, plain


class ToolParser(Protocol):
    """Splits a model's text, as it arrives, into content and tool calls. Modifies itself; one per sequence."""

    def feed(self, text: str) -> list[Piece]:
        """What is certain after `text`; the rest is held back."""
        ...

    def finish(self) -> list[Piece]:
        """What was held back. Nothing the model wrote is lost: a broken call comes out as content."""
        ...


def parser_for_template(template: str | None, *, has_tools: bool) -> ToolParser:
    """The parser for a model's chat template; without tools, or for an unknown format, all text is content."""
    if has_tools and template and hermes.MARKER in template:
        return hermes.Parser()
    return plain.Parser()


__all__ = ["ToolParser", "parser_for_template"]
