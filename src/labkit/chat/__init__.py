"""Between messages and text: chat templates on the way in, tool-call parsers on the way out. Strings only."""

from labkit.chat.constraints import build_constraint
from labkit.chat.pieces import ContentPiece, Piece, ReasoningPiece, ToolCallPiece
from labkit.chat.renderer import TEMPLATE_LIMIT, TemplateRenderer
from labkit.chat.template import ChatTemplate
from labkit.chat.tool_parsers import ToolParser, parser_for_template

__all__ = [
    "TEMPLATE_LIMIT",
    "ChatTemplate",
    "ContentPiece",
    "Piece",
    "ReasoningPiece",
    "TemplateRenderer",
    "ToolCallPiece",
    "ToolParser",
    "build_constraint",
    "parser_for_template",
]
