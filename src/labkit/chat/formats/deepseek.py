"""DeepSeek R1, V3, V3.1 and V3.2 to V4."""

from labkit.chat.calls import NamedJsonCalls, TaggedCalls
from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking

_BEGIN, _END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
R1 = NamedJsonCalls(
    open=_BEGIN,
    start="<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
    middle="\n```json\n",
    end="\n```<｜tool▁call▁end｜>",
    close=_END,
    between="\n",
)
V31 = NamedJsonCalls(
    open=_BEGIN, start="<｜tool▁call▁begin｜>", middle="<｜tool▁sep｜>", end="<｜tool▁call▁end｜>", close=_END
)


def _tagged(section: str) -> TaggedCalls:
    return TaggedCalls(
        open=f"<｜DSML｜{section}>\n",
        start='<｜DSML｜invoke name="',
        name_end='">\n',
        key='<｜DSML｜parameter name="',
        key_ends=(('" string="true">', "text"), ('" string="false">', "json")),
        value_end="</｜DSML｜parameter>\n",
        end="</｜DSML｜invoke>\n",
        close=f"</｜DSML｜{section}>",
        is_shared=True,
    )


_TOOLS = ("<｜Assistant｜>", "<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>")
THINKING = (Thinking(is_certain=True, space=""),)
FORMATS = (
    ChatFormat("deepseek", ("<｜Assistant｜>",), R1, (Thinking(),)),
    ChatFormat("deepseek-r1", (*_TOOLS, "```json"), R1, (Thinking(),)),
    ChatFormat("deepseek-v3.1", _TOOLS, V31, THINKING),
    ChatFormat(
        "deepseek-v3.2", ("<｜Assistant｜>", "｜DSML｜", "function_calls>"), _tagged("function_calls"), THINKING
    ),
    ChatFormat("deepseek-v4", ("<｜Assistant｜>", "｜DSML｜", "tool_calls>"), _tagged("tool_calls"), THINKING),
)
