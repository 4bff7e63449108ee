"""Hermes, Qwen 2.5 and 3, labkit's own model and many others: JSON between <tool_call> tags."""

from labkit.chat.calls import JsonCalls
from labkit.chat.format import ChatFormat

CALLS = JsonCalls("<tool_call>", "</tool_call>")
FORMATS = (
    ChatFormat("hermes", ("<tool_call>",), CALLS),
    ChatFormat("qwen", ("<tool_call>", "<tools>", "<|im_start|>", '<tool_call>\\n{\\"name\\"'), CALLS),
)
