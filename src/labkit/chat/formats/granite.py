"""IBM Granite 3: a list after <|tool_call|>. Granite 4 writes as Hermes does."""

from labkit.chat.calls import JsonCalls
from labkit.chat.format import ChatFormat

CALLS = JsonCalls("<|tool_call|>", "", "list", inside="")
FORMATS = (
    ChatFormat("granite", ("<|start_of_role|>", "<|tool_call|>"), CALLS, drops=("<response>", "</response>")),
    ChatFormat("granite", ("<|start_of_role|>", "<tool_call>"), JsonCalls("<tool_call>", "</tool_call>")),
)
