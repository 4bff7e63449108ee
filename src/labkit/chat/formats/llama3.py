"""Llama 3.1 to 3.3: an answer that is a call is JSON from its first character, or after <|python_tag|>."""

from labkit.chat.calls import JsonCalls, NamedJsonCalls
from labkit.chat.format import ChatFormat

CALLS = JsonCalls("", arguments="parameters", inside="", between="; ", others=("<|python_tag|>",), is_bare=True)
FUNCTIONARY = NamedJsonCalls(start="<function=", middle=">", end="</function>")
FORMATS = (
    ChatFormat("llama3", ("<|start_header_id|>", '"parameters": '), CALLS),
    ChatFormat("llama3", ("<|start_header_id|>", "<|python_tag|>", '{"name": function name, "parameters": '), CALLS),
    ChatFormat("functionary", ("<|start_header_id|>", "<function=", "</function>"), FUNCTIONARY),
)
