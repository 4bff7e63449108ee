"""GigaChat 3.1: one JSON object after <|function_call|>."""

from labkit.chat.calls import JsonCalls
from labkit.chat.format import ChatFormat

FORMATS = (
    ChatFormat(
        "gigachat", ("<|role_sep|>", "<|function_call|>"), JsonCalls("<|function_call|>", "", "lines", inside="")
    ),
)
