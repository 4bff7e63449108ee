"""MiniCPM 5."""

from labkit.chat.calls import TaggedCalls
from labkit.chat.format import ChatFormat

CALLS = TaggedCalls(
    start='<function name="',
    name_end='">',
    key='<param name="',
    key_ends=(('">', "any"),),
    value_end="</param>",
    end="</function>",
    between="\n",
)
FORMATS = (ChatFormat("minicpm", ("<function name=", "<param name="), CALLS),)
