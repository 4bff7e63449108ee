"""ByteDance Seed-OSS."""

from labkit.chat.calls import TaggedCalls
from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking

CALLS = TaggedCalls(
    open="<seed:tool_call>\n",
    start="<function=",
    name_end=">\n",
    key="<parameter=",
    key_ends=((">", "any"),),
    value_end="</parameter>\n",
    end="</function>\n",
    close="</seed:tool_call>",
    between="\n",
)
FORMATS = (
    ChatFormat(
        "seed",
        ("seed:tool_call>", "<function=", "<parameter="),
        CALLS,
        (Thinking(("<seed:think>",), ("</seed:think>",), is_certain=True, space="\n"),),
    ),
)
