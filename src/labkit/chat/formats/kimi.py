"""Kimi K2: calls by name and number in a section."""

from labkit.chat.calls import NamedJsonCalls
from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking

CALLS = NamedJsonCalls(
    open="<|tool_calls_section_begin|>",
    start="<|tool_call_begin|>",
    name_form="functions.{name}:{index}",
    middle="<|tool_call_argument_begin|>",
    end="<|tool_call_end|>",
    close="<|tool_calls_section_end|>",
)
FORMATS = (ChatFormat("kimi-k2", ("<|tool_calls_section_begin|>",), CALLS, (Thinking(calls_end_it=True, space=""),)),)
