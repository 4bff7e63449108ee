"""Between messages and text: chat templates on the way in, readers of each family's answers on the way out."""

from labkit.chat.answer import AnswerReader
from labkit.chat.calls import ArgumentTypes
from labkit.chat.constraints import Demand, Situation, build_constraint
from labkit.chat.format import ChatFormat
from labkit.chat.formats import all_formats, format_of
from labkit.chat.grammar import Spell
from labkit.chat.model_chat import ChatPlan, ModelChat, Talk
from labkit.chat.pieces import ContentPiece, Piece, ReasoningPiece, ToolCallPiece
from labkit.chat.plain_reader import PlainReader, Reader
from labkit.chat.renderer import TEMPLATE_LIMIT, TemplateRenderer
from labkit.chat.template import ChatTemplate

__all__ = [
    "TEMPLATE_LIMIT",
    "AnswerReader",
    "ArgumentTypes",
    "ChatFormat",
    "ChatPlan",
    "ChatTemplate",
    "ContentPiece",
    "Demand",
    "ModelChat",
    "Piece",
    "PlainReader",
    "Reader",
    "ReasoningPiece",
    "Situation",
    "Spell",
    "Talk",
    "TemplateRenderer",
    "ToolCallPiece",
    "all_formats",
    "build_constraint",
    "format_of",
]
