"""MiniMax M1 (JSON on lines), M2 (a tag for each argument) and M3, of which only the reasoning is read."""

from labkit.chat.calls import JsonCalls, TaggedCalls
from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking

TAGGED = TaggedCalls(
    open="<minimax:tool_call>\n",
    start='<invoke name="',
    name_end='">\n',
    key='<parameter name="',
    key_ends=(('">', "any"),),
    value_end="</parameter>\n",
    end="</invoke>\n",
    close="</minimax:tool_call>",
    is_shared=True,
)
FORMATS = (
    ChatFormat(
        "minimax-m1", ("<beginning_of_sentence>", "<tool_calls>"), JsonCalls("<tool_calls>", "</tool_calls>", "lines")
    ),
    ChatFormat("minimax-m3", ("]<]minimax[>[",), None, (Thinking(("<mm:think>",), ("</mm:think>",), space=""),)),
    ChatFormat("minimax-m2", ("minimax:tool_call", "<invoke name="), TAGGED, (Thinking(calls_end_it=True),)),
)
