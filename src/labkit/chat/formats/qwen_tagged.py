"""Qwen3-Coder, Qwen3.5, Nemotron 3, Step 3.5 and others: a tag for each argument."""

from labkit.chat.calls import TaggedCalls
from labkit.chat.format import ChatFormat

CALLS = TaggedCalls(
    open="<tool_call>\n",
    start="<function=",
    name_end=">\n",
    key="<parameter=",
    key_ends=((">\n", "any"),),
    value_end="\n</parameter>\n",
    end="</function>",
    close="\n</tool_call>",
    between="\n",
    starts_bare=True,
)
FORMATS = (ChatFormat("qwen-tagged", ("<tool_call>", "<function=", "<parameter="), CALLS),)
