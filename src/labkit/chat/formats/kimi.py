"""Kimi K2: calls by name and number in a section. Kimi K3: tags in tokens, with the type of each argument."""

from labkit.chat.calls import NamedJsonCalls, TaggedCalls
from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking

CALLS = NamedJsonCalls(
    open="<|tool_calls_section_begin|>",
    start="<|tool_call_begin|>",
    name_form="functions.{name}:{index}",
    middle="<|tool_call_argument_begin|>",
    end="<|tool_call_end|>",
    close="<|tool_calls_section_end|>",
)
K3_TYPES = ("number", "boolean", "object", "array", "null")
K3_CALLS = TaggedCalls(
    open="<|open|>tools<|sep|>",
    start='<|open|>call tool="',
    number='" index="',
    name_end='"<|sep|>',
    key='<|open|>argument key="',
    key_ends=(('" type="string"<|sep|>', "text"), *((f'" type="{kind}"<|sep|>', kind) for kind in K3_TYPES)),
    value_end="<|close|>argument<|sep|>",
    end="<|close|>call<|sep|>",
    close="<|close|>tools<|sep|>",
    is_shared=True,
)
K3_THINKING = Thinking(("<|open|>think<|sep|>",), ("<|close|>think<|sep|>",), is_certain=True, space="")
FORMATS = (
    ChatFormat(
        "kimi-k3",
        ("<|open|>", "<|sep|>", "thinking_effort"),
        K3_CALLS,
        (K3_THINKING,),
        answer_opens="<|open|>response<|sep|>",
        drops=("<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>"),
        efforts={"minimal": "low", "medium": "high", "xhigh": "max"},
    ),
    ChatFormat("kimi-k2", ("<|tool_calls_section_begin|>",), CALLS, (Thinking(calls_end_it=True, space=""),)),
)
