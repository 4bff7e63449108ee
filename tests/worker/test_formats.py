# ruff: noqa: E501, RUF001 - markers as models have them
"""Families of models on the real engine: random weights, a vocabulary of bytes and the family's markers as tokens."""

import json
import os

import pytest

from fakes.embedding_models import write_tiny_qwen3
from labkit.engine.types import EngineConfig, SamplingOverrides
from labkit.worker.loading import open_session
from labkit.worker.messages import Generate, Step
from labkit.worker.outbox import Outbox
from labkit.worker.wire import HEADER, body_length, unpack

TIMER = {
    "type": "function",
    "function": {
        "name": "set_timer",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"minutes": {"type": "integer", "minimum": 0, "maximum": 99}, "unit": {"enum": ["s", "h"]}},
            "required": ["minutes", "unit"],
            "additionalProperties": False,
        },
    },
}
NUMBER = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": False}
TALK = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% for c in m.tool_calls or [] %}{{ c | tojson }}{% endfor %}{% endfor %}"
TOOLS = "{% for t in tools or [] %}{{ t.function.name }} {% endfor %}"
HARMONY = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>", "<|constrain|>")
FAMILIES = {
    "hermes": ("<tool_call>", ("<tool_call>", "</tool_call>")),
    "qwen-tagged": ("<tool_call><function=<parameter=", ("<tool_call>", "</tool_call>")),
    "llama3": ('<|start_header_id|>"parameters": ', ("<|python_tag|>",)),
    "mistral": ("[INST][TOOL_CALLS][ARGS]", ("[TOOL_CALLS]", "[ARGS]", "[CALL_ID]")),
    "gemma4": ("<|turn><|tool_call>", ("<|tool_call>", "<tool_call|>", '<|"|>', "<|tool_response>")),
    "harmony": ("".join(HARMONY), HARMONY),
    "glm": ("<tool_call><arg_key><arg_value>", ("<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>")),
    "lfm2": ("<|im_start|>List of tools: ", ("<|tool_call_start|>", "<|tool_call_end|>")),
    "deepseek-v3.2": ("<｜Assistant｜>｜DSML｜function_calls>", ("｜DSML｜",)),
    "kimi-k2": ("<|tool_calls_section_begin|>", ("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>")),
}  # fmt: skip


class World:
    """A session over a tiny model with a family's template and markers."""

    def __init__(self, folder, template, markers):
        path = write_tiny_qwen3(
            folder / "tiny.gguf", chat_template=template, markers=markers, context=1024, pooling=None
        )
        reading, writing = os.pipe()
        self.frames, self.written = os.fdopen(reading, "rb"), os.fdopen(writing, "wb")
        outbox = Outbox(self.written)
        outbox.start()
        config = EngineConfig(context_tokens=1024, num_slots=1, num_threads=1)
        self.session = open_session(path, config, outbox, pid=os.getpid())
        self.session.start({})
        self.ready = self.read()

    def read(self):
        return unpack(self.frames.read(body_length(self.frames.read(HEADER.size))))

    def answer(self, **fields):
        """(content, reasoning, calls, the last delta) of one answer."""
        defaults = {"sampling": SamplingOverrides(seed=3), "max_tokens": 200}
        self.session.generate(Generate("r", ({"role": "user", "content": "Hi"},), **(defaults | fields)))
        deltas = []
        while not (deltas and deltas[-1].is_last):
            message = self.read()
            deltas += message.deltas if isinstance(message, Step) else []
        calls = {}
        for call in (call for delta in deltas for call in delta.tool_calls):
            calls.setdefault(call.index, [call.name, ""])[1] += call.arguments
        text = "".join(delta.content for delta in deltas)
        return text, "".join(delta.reasoning for delta in deltas), list(calls.values()), deltas[-1]

    def close(self):
        self.session.close()
        self.frames.close()
        self.written.close()


@pytest.fixture
def world(tmp_path):
    worlds = []

    def make(template, markers=()):
        worlds.append(World(tmp_path, template, markers))
        return worlds[-1]

    yield make
    for one in worlds:
        one.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_that_knows_nothing_is_held_to_its_familys_calls(world, family):
    said, markers = FAMILIES[family]
    tiny = world(f"{{# {said} #}}{TOOLS}{TALK}", markers)
    assert tiny.ready.chat_format == family
    content, reasoning, calls, last = tiny.answer(tools=(TIMER,), tool_choice="required", parallel_tool_calls=False)
    assert last.error is None
    assert (content, reasoning, last.finish_reason) == ("", "", "tool_calls")
    ((name, arguments),) = calls
    assert name == "set_timer"
    given = json.loads(arguments)
    assert given["unit"] in ("s", "h")
    assert 0 <= given["minutes"] <= 99


def test_reasoning_is_free_then_the_schema_holds_and_its_tokens_are_counted(world):
    tiny = world(f"{{# <tool_call> #}}{TOOLS}{TALK}<think>\n", ("<think>", "</think>"))
    end = tiny.session._requests.tokens("</think>")[0]
    for seed in range(40):  # it thinks until it says the end by chance
        sampling = SamplingOverrides(seed=seed, logit_bias=((end, 11.0),))
        content, reasoning, _, last = tiny.answer(response_schema=NUMBER, sampling=sampling, max_tokens=40)
        if content and reasoning:
            break
    assert json.loads(content)["n"] in (1, 2)
    assert 0 < last.usage.reasoning_tokens < last.usage.completion_tokens
    assert "</think>" not in content + reasoning


def test_a_thinking_model_may_be_told_not_to(world):
    tiny = world(f"{TALK}{{% if enable_thinking is not defined or enable_thinking %}}<think>\n{{% endif %}}")
    assert tiny.answer(reasoning_effort="none", max_tokens=3)[1] == ""
    thinking = tiny.answer(reasoning_effort="high", max_tokens=3)
    assert (thinking[0], thinking[3].usage.reasoning_tokens) == ("", 3)
    refused = tiny.answer(template_arguments={"colour": "red"})[3].error
    assert (refused.param, "enable_thinking" in refused.hint) == ("chat_template_kwargs", True)
