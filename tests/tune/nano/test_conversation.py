import json
import random
from itertools import pairwise

from labkit.chat.template import ChatTemplate
from labkit.tune.nano.conversation import TEMPLATE_FILE, Conversation, build_conversation, render
from labkit.tune.nano.sample import answer_text
from labkit.tune.nano.tasks import TASKS

ALL_TASKS = dict.fromkeys(TASKS, 1.0)
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["C", "F"]}},
        },
    },
}


def call(arguments: object) -> dict:
    function = {"name": "get_weather", "arguments": arguments}
    return {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": function}]}


def test_a_conversation_is_a_function_of_the_seed():
    assert build_conversation(random.Random(4), ALL_TASKS) == build_conversation(random.Random(4), ALL_TASKS)


def test_roles_follow_each_other():
    for seed in range(200):
        roles = [message["role"] for message in build_conversation(random.Random(seed), ALL_TASKS).messages]
        assert "system" not in roles[1:]
        assert roles[-1] == "assistant"
        for before, after in pairwise(roles):
            assert (before, after) in {
                ("system", "user"),
                ("user", "assistant"),
                ("assistant", "user"),
                ("assistant", "tool"),
                ("tool", "assistant"),
            }


def test_the_template_renders_every_role():
    messages = (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather in Oslo?"},
        call({"city": "Oslo", "unit": "C"}),
        {"role": "tool", "content": '{"temperature": 4}'},
        {"role": "assistant", "content": "4 degrees."},
    )
    assert render(Conversation(messages, (WEATHER,))) == (
        "<|im_start|>system\nBe brief.\nTools:\n"
        "get_weather(city: string, unit: C|F) - Get the weather in a city<|im_end|>\n"
        "<|im_start|>user\nWeather in Oslo?<|im_end|>\n"
        "<|im_start|>assistant\n"
        '<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo", "unit": "C"}}</tool_call><|im_end|>\n'
        '<|im_start|>tool\n{"temperature": 4}<|im_end|>\n'
        "<|im_start|>assistant\n4 degrees.<|im_end|>\n"
    )


def test_tools_are_listed_without_a_system_text_too():
    text = render(Conversation(({"role": "user", "content": "Hi"},), (WEATHER,)), add_generation_prompt=True)
    assert text.startswith("<|im_start|>system\nTools:\nget_weather(")
    assert text.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")


def test_arguments_may_be_an_object_or_json_text():
    as_object, as_text = ({"city": "Zürich"}, '{"city": "Zürich"}')
    assert render(Conversation((call(as_object),))) == render(Conversation((call(as_text),)))


def test_the_servers_template_renders_the_same_prompt():
    served = ChatTemplate(TEMPLATE_FILE.read_text(encoding="utf-8"))
    for seed in range(100):
        conversation = build_conversation(random.Random(seed), ALL_TASKS)
        assert served.render(conversation.messages, conversation.tools, add_generation_prompt=False) == render(
            conversation
        )


def test_answer_text_is_what_the_template_renders():
    message = call(json.dumps({"city": "Oslo", "days": 2}))
    assert f"assistant\n{answer_text(message)}<|im_end|>" in render(Conversation((message,)))
