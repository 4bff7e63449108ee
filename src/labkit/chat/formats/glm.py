"""GLM 4.5 to 4.7 and those who write like it: an argument is a key in tags, then a value in tags."""

from labkit.chat.calls import TaggedCalls
from labkit.chat.format import ChatFormat

LINES = TaggedCalls(
    start="<tool_call>",
    name_end="\n",
    key="<arg_key>",
    key_ends=(("</arg_key>\n<arg_value>", "any"),),
    value_end="</arg_value>\n",
    end="</tool_call>",
    between="\n",
)
CLOSE = TaggedCalls(
    start="<tool_call>",
    name_end="",
    key="<arg_key>",
    key_ends=(("</arg_key><arg_value>", "any"),),
    value_end="</arg_value>",
    end="</tool_call>",
)
FORMATS = (
    ChatFormat("glm", ("<tool_call>", "<arg_key>", "<arg_value>"), LINES),
    ChatFormat("glm", ("<tool_call>", "<arg_key>", "</arg_key><arg_value>"), CLOSE),
)
