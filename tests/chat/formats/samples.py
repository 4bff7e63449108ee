# ruff: noqa: E501 - answers as models write them
"""Answers of each family, written for these tests, and what a client must get of them."""

from dataclasses import dataclass

CITY = {"type": "string", "description": "Where."}
TOOLS = (
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tells the weather.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": CITY,
                    "days": {"type": "integer"},
                    "exact": {"type": "boolean"},
                    "notes": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["city"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "set_timer",
            "parameters": {"type": "object", "properties": {"minutes": {"type": "integer"}}, "required": ["minutes"]},
        },
    },
)
OSLO = ("get_weather", {"city": 'Oslo "é" {🎉}', "days": 3})
TIMER = ("set_timer", {"minutes": 5})


@dataclass(frozen=True)
class Sample:
    """An answer.

    Attributes:
        template: what a template of the family contains.
        opened: the prompt begins reasoning.
    """

    family: str
    template: str
    text: str
    content: str = ""
    reasoning: str = ""
    calls: tuple = ()
    opened: bool = False


SAMPLES = (
    Sample(
        "qwen",
        '<|im_start|><tools><tool_call>\\n{\\"name\\"<think>',
        '<think>\nHm.\n\nSo.\n</think>\n\nSee:\n<tool_call>\n{"name": "get_weather", "arguments": '
        '{"city": "Oslo \\"é\\" {🎉}", "days": 3}}\n</tool_call>\n<tool_call>\n{"name": "set_timer", "arguments": '
        '{"minutes": 5}}\n</tool_call>',
        "See:",
        "Hm.\n\nSo.",
        (OSLO, TIMER),
    ),
    Sample("qwen", "<tool_call><tools><|im_start|><tool_call>\\n{\\\"name\\\"<think>", "Hm.</think>\n\nYes.", "Yes.", "Hm.", opened=True),
    Sample(
        "qwen-tagged",
        "<tool_call><function=<parameter=<think>",
        "So.\n</think>\n\n<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo \"é\" {🎉}\n</parameter>\n"
        "<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
        "",
        "So.",
        (OSLO,),
        opened=True,
    ),
    Sample(
        "qwen-tagged",
        "<tool_call><function=<parameter=",
        "I call.\n<function=set_timer>\n<parameter=minutes>\n5\n</parameter>\n</function>",
        "I call.",
        calls=(TIMER,),
    ),
    Sample(
        "llama3",
        '<|start_header_id|>{"name": function name, "parameters": ',
        '{"name": "get_weather", "parameters": {"city": "Oslo \\"é\\" {🎉}", "days": 3}}',
        calls=(OSLO,),
    ),
    Sample(
        "llama3",
        '<|start_header_id|>"parameters": ',
        '<|python_tag|>{"type": "function", "name": "set_timer", "parameters": {"minutes": "5"}}'.replace('"5"', "5"),
        calls=(TIMER,),
    ),
    Sample("llama3", '<|start_header_id|>"parameters": ', '{"answer": 42}', '{"answer": 42}'),
    Sample(
        "mistral",
        "[INST][TOOL_CALLS][ARGS][THINK]",
        '[THINK]Hm.[/THINK]Yes.[TOOL_CALLS]get_weather[ARGS]{"city": "Oslo \\"é\\" {🎉}", "days": 3}'
        '[TOOL_CALLS]set_timer[CALL_ID]abc123def[ARGS]{"minutes": 5}',
        "Yes.",
        "Hm.",
        (OSLO, TIMER),
    ),
    Sample(
        "mistral",
        "[INST][TOOL_CALLS]",
        '[TOOL_CALLS][{"name": "set_timer", "arguments": {"minutes": 5}, "id": "abcdefghi"}]',
        calls=(TIMER,),
    ),
    Sample(
        "gemma4",
        "<|turn><|tool_call><|channel>thought",
        '<|channel>thought\nHm.\n<channel|><|tool_call>call:get_weather{city:<|"|>Oslo "é" {🎉}<|"|>,days:3}<tool_call|>',
        "",
        "Hm.",
        (OSLO,),
    ),
    Sample(
        "harmony",
        "<|start|><|channel|><|message|>",
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
        "<|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
        '{"city": "Oslo \\"é\\" {🎉}", "days": 3}<|call|>',
        "I look.",
        "Hm.",
        (OSLO,),
    ),
    Sample(
        "harmony",
        "<|start|><|channel|><|message|>",
        ' to=functions.set_timer<|channel|>commentary json<|message|>{"minutes": 5}',
        calls=(TIMER,),
    ),
    Sample("harmony", "<|start|><|channel|><|message|>", "<|channel|>final<|message|>Yes.\n", "Yes.\n"),
    Sample(
        "granite",
        "<|start_of_role|><|tool_call|>",
        'Ok.<|tool_call|>[{"name": "set_timer", "arguments": {"minutes": 5}}]',
        "Ok.",
        calls=(TIMER,),
    ),
    Sample(
        "granite",
        "<|start_of_role|><|tool_call|><think>",
        "<think>Hm.</think><response>Yes.</response>",
        "Yes.",
        "Hm.",
    ),
    Sample(
        "glm",
        "<tool_call><arg_key><arg_value><think>",
        "\n<think>Hm.</think>\nI see.\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Oslo \"é\" {🎉}</arg_value>\n"
        "<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
        "I see.",
        "Hm.",
        (OSLO,),
    ),
    Sample(
        "lfm2",
        "<|im_start|>List of tools: ",
        "Ok.<|tool_call_start|>[get_weather(city='Oslo \"é\" {🎉}', days=3), set_timer(minutes=5)]<|tool_call_end|>",
        "Ok.",
        calls=(OSLO, TIMER),
    ),
    Sample("hermes", "<tool_call>", '<tool_call>{"name": "set_timer", "arguments": {"minutes": 5}}</tool_call>', calls=(TIMER,)),
    Sample(
        "hermes",
        "<tool_call>",
        '<tool_call>{"arguments": "{\\"minutes\\": 5}", "name": "set_timer"}</tool_call>',
        calls=(TIMER,),
    ),
    Sample(
        "deepseek-r1",
        "<｜Assistant｜><｜tool▁calls▁begin｜><｜tool▁sep｜>```json<think>",
        "Hm.\n</think>\n\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>set_timer\n```json\n"
        '{"minutes": 5}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        "",
        "Hm.",
        (TIMER,),
        opened=True,
    ),
    Sample(
        "deepseek-v3.1",
        "<｜Assistant｜><｜tool▁calls▁begin｜><｜tool▁sep｜>",
        'Yes.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>set_timer<｜tool▁sep｜>{"minutes": 5}<｜tool▁call▁end｜>'
        '<｜tool▁call▁begin｜>set_timer<｜tool▁sep｜>{"minutes": 5}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        "Yes.",
        calls=(TIMER, TIMER),
    ),
    Sample(
        "deepseek-v3.2",
        "<｜Assistant｜>｜DSML｜function_calls>",
        'Yes.\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name="get_weather">\n'
        '<｜DSML｜parameter name="city" string="true">Oslo "é" {🎉}</｜DSML｜parameter>\n'
        '<｜DSML｜parameter name="days" string="false">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
        "Yes.",
        calls=(OSLO,),
    ),
    Sample(
        "kimi-k2",
        "<|tool_calls_section_begin|><think>",
        "<think>Hm.<|tool_calls_section_begin|><|tool_call_begin|>functions.set_timer:0<|tool_call_argument_begin|>"
        '{"minutes": 5}<|tool_call_end|><|tool_calls_section_end|>',
        "",
        "Hm.",
        (TIMER,),
    ),
    Sample(
        "kimi-k3",
        "<|open|><|sep|>thinking_effort",
        'Hm.<|close|>think<|sep|><|open|>response<|sep|>Yes.<|close|>response<|sep|><|open|>tools<|sep|>'
        '<|open|>call tool="get_weather" index="1"<|sep|><|open|>argument key="city" type="string"<|sep|>Oslo "é" {🎉}'
        '<|close|>argument<|sep|><|open|>argument key="days" type="number"<|sep|>3<|close|>argument<|sep|>'
        "<|close|>call<|sep|><|close|>tools<|sep|><|close|>message<|sep|>",
        "Yes.",
        "Hm.",
        (OSLO,),
        opened=True,
    ),
    Sample(
        "minimax-m2",
        "minimax:tool_call<invoke name=<think>",
        'Hm.\n</think>\n\n<minimax:tool_call>\n<invoke name="get_weather">\n'
        '<parameter name="city">Oslo "é" {🎉}</parameter>\n<parameter name="days">3</parameter>\n</invoke>\n</minimax:tool_call>',
        "",
        "Hm.",
        (OSLO,),
        opened=True,
    ),
)  # fmt: skip
