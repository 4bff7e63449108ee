"""Cohere Command R7B and A: actions in a list, the answer between markers."""

from labkit.chat.calls import JsonCalls
from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking

CALLS = JsonCalls(
    "<|START_ACTION|>",
    "<|END_ACTION|>",
    "list",
    name="tool_name",
    arguments="parameters",
    number="tool_call_id",
)
FORMATS = (
    ChatFormat(
        "command",
        ("<|CHATBOT_TOKEN|>", "<|START_ACTION|>"),
        CALLS,
        (Thinking(("<|START_THINKING|>",), ("<|END_THINKING|>",), space=""),),
        answer_opens="<|START_RESPONSE|>",
        drops=("<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"),
    ),
)
