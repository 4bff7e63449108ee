"""ServiceNow Apriel: reasoning in words, an answer between brackets, calls in a list."""

from labkit.chat.calls import JsonCalls
from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking

THINKING = (Thinking(("Here are my reasoning steps:",), ("[BEGIN FINAL RESPONSE]",), calls_end_it=True, space="\n"),)
CALLS = JsonCalls("<tool_calls>", "</tool_calls>", "list", id="id", inside="")
FORMATS = (
    ChatFormat("apriel", ("<tool_calls>[", "[BEGIN FINAL RESPONSE]"), CALLS, THINKING, drops=("[END FINAL RESPONSE]",)),
)
