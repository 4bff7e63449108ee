"""Liquid LFM2 and 2.5: a list of Python calls."""

from labkit.chat.calls import PythonicCalls
from labkit.chat.format import ChatFormat

CALLS = PythonicCalls("<|tool_call_start|>", "<|tool_call_end|>")
FORMATS = (
    ChatFormat("lfm2", ("<|im_start|>", "List of tools: "), CALLS),
    ChatFormat("lfm2", ("<|im_start|>", "List of tools: ", "<|tool_list_start|>"), CALLS),
)
