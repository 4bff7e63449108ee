"""NVIDIA Nemotron Nano 2."""

from labkit.chat.calls import JsonCalls
from labkit.chat.format import ChatFormat

FORMATS = (ChatFormat("nemotron", ("<TOOLCALL>",), JsonCalls("<TOOLCALL>", "</TOOLCALL>", "list", inside="")),)
