"""Tencent Hunyuan 3: GLM's tags, each with the name of a mode."""

from labkit.chat.calls import TaggedCalls
from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking

_MODE = ":opensource"
CALLS = TaggedCalls(
    open=f"<tool_calls{_MODE}>\n",
    start=f"<tool_call{_MODE}>",
    name_end=f"<tool_sep{_MODE}>\n",
    key=f"<arg_key{_MODE}>",
    key_ends=((f"</arg_key{_MODE}>\n<arg_value{_MODE}>", "any"),),
    value_end=f"</arg_value{_MODE}>\n",
    end=f"</tool_call{_MODE}>",
    between="\n",
    close=f"\n</tool_calls{_MODE}>",
    is_shared=True,
)
FORMATS = (
    ChatFormat(
        "hunyuan",
        ("hy_", "<tool_calls{}>", "<arg_key{}>"),
        CALLS,
        (Thinking((f"<think{_MODE}>",), (f"</think{_MODE}>",), is_certain=True, space=""),),
        efforts={"none": "no_think", "minimal": "low", "medium": "low", "xhigh": "high", "max": "high"},
    ),
)
