"""Swiss AI Apertus: a list of objects with the name of a function for a key."""

from labkit.chat.calls import JsonCalls
from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking

CALLS = JsonCalls("<|tools_prefix|>", "<|tools_suffix|>", "list", inside="", is_keyed=True)
THINKING = (Thinking(("<|inner_prefix|>",), ("<|inner_suffix|>",), calls_end_it=True, space=""),)
FORMATS = (ChatFormat("apertus", ("<|tools_prefix|>", "<|inner_prefix|>"), CALLS, THINKING),)
