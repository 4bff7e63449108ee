"""No family: a template that says nothing about tools. Calls are then asked for and read in the most usual way."""

from labkit.chat.calls import JsonCalls
from labkit.chat.format import ChatFormat

FORMATS = (ChatFormat("plain", (), JsonCalls("<tool_call>", "</tool_call>")),)
