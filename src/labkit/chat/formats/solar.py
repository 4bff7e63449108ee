"""Upstage Solar Open: parts of an answer after their names."""

from labkit.chat.calls import NamedJsonCalls
from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking

CALLS = NamedJsonCalls(
    open="<|tool_calls|>",
    start="<|tool_call:begin|>",
    id_end="<|tool_call:name|>",
    middle="<|tool_call:args|>",
    end="<|tool_call:end|>",
    close="<|calls|>",
)
FORMATS = (
    ChatFormat(
        "solar",
        ("<|tool_call:begin|>", "<|content|>"),
        CALLS,
        (Thinking(("<|think|>",), ("<|end|>",), calls_end_it=True, space="<|begin|>assistant"),),
        answer_opens="<|content|>",
        drops=("<|content|>", "<|begin|>assistant", "<|end|>"),
    ),
)
