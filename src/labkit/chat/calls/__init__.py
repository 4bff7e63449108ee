"""How families write tool calls: a few syntaxes, each a reader, a writer and a grammar of the same thing."""

from labkit.chat.calls.json_calls import JsonCalls
from labkit.chat.calls.named_json import NamedJsonCalls
from labkit.chat.calls.protocol import Call, CallSyntax
from labkit.chat.calls.pythonic import PythonicCalls
from labkit.chat.calls.tagged import TaggedCalls
from labkit.chat.calls.values import ArgumentTypes

__all__ = ["ArgumentTypes", "Call", "CallSyntax", "JsonCalls", "NamedJsonCalls", "PythonicCalls", "TaggedCalls"]
