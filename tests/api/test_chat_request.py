import json

import pytest

from labkit.api.chat_request import parse_chat_call
from labkit.api.schemas.chat import ChatCompletionBody
from labkit.api.schemas.fields import HARMLESS, REFUSED
from labkit.engine.types import AdapterUse, Constraint, SamplingOverrides
from labkit.errors import InvalidRequestError

USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def call(strict=False, **fields):
    return parse_chat_call({"model": "m", "messages": [USER], **fields}, "id", strict=strict)


def refused(**fields):
    with pytest.raises(InvalidRequestError) as caught:
        call(**fields)
    return caught.value


def test_a_bare_request_takes_every_default_from_its_dataclass():
    parsed = call()
    assert parsed.operation.sampling == SamplingOverrides()
    assert parsed.operation.messages == ({"role": "user", "content": "hi"},)
    assert (parsed.stream, parsed.include_usage, parsed.ignored) == (False, False, ())
    assert (parsed.operation.max_tokens, parsed.operation.stop, parsed.operation.response_schema) == (None, (), None)


def test_every_sampling_field_is_honoured():
    given = {
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "presence_penalty": 1,
        "frequency_penalty": -1, "repetition_penalty": 1.1, "seed": 7,
    }  # fmt: skip
    sampling = call(**given, logit_bias={"12": -100}).operation.sampling
    assert {name: getattr(sampling, name) for name in given} == given
    assert sampling.logit_bias == ((12, -100),)


@pytest.mark.parametrize(
    ("fields", "name", "expected"),
    [
        ({"stop": "x"}, "stop", ("x",)),
        ({"stop": ["a", "b", "c", "d"]}, "stop", ("a", "b", "c", "d")),
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"max_completion_tokens": 6}, "max_tokens", 6),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "max_tokens", 5),
        ({"ignore_eos": True}, "ignore_eos", True),
        ({"parallel_tool_calls": False}, "parallel_tool_calls", False),
        ({"response_format": {"type": "text"}}, "response_schema", None),
        ({"response_format": {"type": "json_object"}}, "response_schema", {}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "null"}}}},
            "response_schema", {"type": "null"},
        ),
        ({"tools": [TOOL]}, "tool_choice", "auto"),
        ({"tools": [TOOL], "tool_choice": "none"}, "tool_choice", "none"),
        ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice", "required"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
            "tool_choice", "name:weather",
        ),
        ({"tools": [TOOL]}, "tools", (TOOL,)),
    ],
)  # fmt: skip
def test_fields_reach_the_worker(fields, name, expected):
    assert getattr(call(**fields).operation, name) == expected


def test_top_k_minus_one_keeps_all():
    assert call(top_k=-1).operation.sampling.top_k == 0


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "0.5"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_k": 1.5}, "top_k"),
        ({"top_k": True}, "top_k"),
        ({"min_p": -1}, "min_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"seed": 2**63}, "seed"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 2**31}, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": "x" * 257}, "stop"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"logit_bias": {"1": 101}}, "logit_bias"),
        ({"logit_bias": {str(n): 1 for n in range(1025)}}, "logit_bias"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"messages": [USER, {"content": "x"}]}, "messages[1].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "messages[0].function_call"),
        ({"tools": [{"type": "custom"}]}, "tools[0].type"),
        ({"tools": [TOOL, TOOL]}, "tools[1].function.name"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
         "response_format.json_schema.schema"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(fields, param):
    assert refused(**fields).param == param


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_supported_is_refused_when_it_asks_for_something(name):
    error = refused(**{name: "something else"})
    assert (error.param, error.code) == (name, "unsupported_parameter")
    assert "not supported yet" in error.message


@pytest.mark.parametrize(("name", "default"), [(name, value) for name in REFUSED for value in (*REFUSED[name], None)])
def test_what_is_not_supported_may_be_sent_with_its_default(name, default):
    assert call(**{name: default}).ignored == ()


def test_n_is_a_number_of_choices_within_bounds():
    assert call().operation.num_choices == 1
    assert call(n=8).operation.num_choices == 8
    for wrong in (0, 9, True, "2", 1.5):
        assert refused(n=wrong).param == "n"


def test_logprobs_and_their_alternatives():
    assert call().operation.logprobs is None
    assert call(logprobs=False, top_logprobs=0).operation.logprobs is None
    assert call(logprobs=True).operation.logprobs == 0
    assert call(logprobs=True, top_logprobs=20).operation.logprobs == 20
    assert refused(logprobs=True, top_logprobs=21).param == "top_logprobs"
    assert refused(top_logprobs=3).param == "top_logprobs"
    assert refused(logprobs=3).param == "logprobs"


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("typical_p", 0.9, 1.1),
        ("top_n_sigma", 1.5, -2),
        ("xtc_probability", 0.5, 2),
        ("xtc_threshold", 0.2, -1),
        ("dry_multiplier", 0.8, -1),
        ("dry_base", 1.75, 0.5),
        ("dry_allowed_length", 3, -1),
    ],
)
def test_llama_servers_sampling_fields_are_honoured_within_bounds(name, value, wrong):
    assert getattr(call(**{name: value}).operation.sampling, name) == value
    assert refused(**{name: wrong}).param == name
    assert refused(**{name: "0.5"}).param == name


def test_llama_servers_names_of_the_penalties():
    sampling = call(repeat_penalty=1.2, repeat_last_n=64).operation.sampling
    assert (sampling.repetition_penalty, sampling.penalty_window) == (1.2, 64)
    assert call(repeat_penalty=1.2, repetition_penalty=1.2).operation.sampling.repetition_penalty == 1.2
    assert refused(repeat_penalty=1.2, repetition_penalty=1.3).param == "repeat_penalty"
    assert refused(repeat_last_n=-1).param == "repeat_last_n"
    assert "repeat_last_n" in refused(dry_penalty_last_n=8).hint


def test_a_service_tier_is_a_lane_and_named_in_the_answer():
    tiers = {"auto": ("normal", "default"), "default": ("normal", "default"), "flex": ("batch", "flex")}
    tiers["priority"] = ("interactive", "priority")
    for tier, (lane, answered) in tiers.items():
        parsed = call(service_tier=tier)
        assert (parsed.operation.lane, parsed.service_tier) == (lane, answered)
    assert (call().operation.lane, call().service_tier) == ("normal", None)
    assert refused(service_tier="scale").param == "service_tier"


def test_cache_prompt_false_asks_for_a_cold_run():
    assert call().operation.reuse
    assert not call(cache_prompt=False).operation.reuse


def test_adapters_are_named_with_their_scales():
    parsed = call(lora=[{"name": "sql"}, {"name": "tone", "scale": 0.5}, {"name": "none", "scale": 0}])
    assert parsed.operation.adapters == (AdapterUse("sql"), AdapterUse("tone", 0.5))
    assert refused(lora=[{"id": 0}]).param == "lora[0].name"
    assert refused(lora=[{"name": "a"}, {"name": "a"}]).param == "lora"


def test_grammar_regex_and_choice_are_constraints_and_only_one_of_them_at_a_time():
    assert call(grammar='root ::= "a"').operation.constraint == Constraint("gbnf", 'root ::= "a"', "grammar")
    assert call(guided_regex="a+").operation.constraint == Constraint("regex", "a+", "guided_regex")
    choice = call(guided_choice=["yes", "no"]).operation.constraint
    assert choice == Constraint("choice", '["yes", "no"]', "guided_choice")
    assert call(grammar="", guided_regex="").operation.constraint is None
    assert refused(grammar="x", guided_regex="y").param == "grammar"
    assert refused(guided_regex="y", response_format={"type": "json_object"}).param == "guided_regex"
    assert refused(guided_choice=[]).param == "guided_choice"


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    "fields",
    [
        {"guided_json": SCHEMA},
        {"guided_json": json.dumps(SCHEMA)},
        {"json_schema": SCHEMA},
        {"structured_outputs": {"json": SCHEMA}},
        {"response_format": {"type": "json_object", "schema": SCHEMA}},
        {"response_format": {"type": "json_schema", "schema": SCHEMA}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
    ],
)
def test_a_schema_may_come_in_any_of_its_fields(fields):
    assert call(**fields).operation.response_schema == SCHEMA
    assert call(**fields).operation.constraint is None
    assert call(**fields).ignored == ()


def test_vllms_structured_outputs():
    def constraint(**wanted):
        return call(structured_outputs=wanted).operation.constraint

    assert constraint(regex="a+") == Constraint("regex", "a+", "structured_outputs.regex")
    assert constraint(choice=["a"]) == Constraint("choice", '["a"]', "structured_outputs.choice")
    assert constraint(grammar="root") == Constraint("gbnf", "root", "structured_outputs.grammar")
    assert call(structured_outputs={"json_object": True}).operation.response_schema == {}
    assert refused(structured_outputs={"json": SCHEMA, "regex": "a"}).param == "structured_outputs.json"
    assert refused(structured_outputs={"regex": "a"}, guided_json=SCHEMA).param == "guided_json"
    assert refused(guided_json="[1]").param == "guided_json"
    assert refused(guided_json="{").param == "guided_json"
    assert call(structured_outputs={"regex": "a", "whitespace_pattern": "x"}).ignored == (
        "structured_outputs.whitespace_pattern",
    )


def test_allowed_tools_narrow_the_tools_down():
    other = {"type": "function", "function": {"name": "news"}}

    def choose(mode, *names):
        tools = [{"type": "function", "function": {"name": name}} for name in names]
        choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}
        return {"tools": [TOOL, other], "tool_choice": choice}

    asked = call(**choose("required", "news")).operation
    assert (asked.tool_choice, asked.tools) == ("required", (other,))
    assert call(**choose("auto", "news", "weather")).operation.tools == (TOOL, other)
    assert refused(**choose("auto", "sun")).param == "tool_choice.allowed_tools.tools"
    assert refused(**choose("none", "news")).param == "tool_choice.allowed_tools.mode"


def test_thinking_and_the_template():
    asked = call(reasoning_effort="high", chat_template_kwargs={"enable_thinking": False}).operation
    assert (asked.reasoning_effort, asked.template_arguments) == ("high", {"enable_thinking": False})
    assert refused(reasoning_effort="huge").param == "reasoning_effort"
    assert refused(chat_template_kwargs={"messages": []}).param == "chat_template_kwargs.messages"


def test_a_final_message_can_be_continued():
    begun = [USER, {"role": "assistant", "content": "Once"}]
    assert not call(messages=begun).operation.continue_final
    assert call(messages=begun, continue_final_message=True, add_generation_prompt=False).operation.continue_final
    assert call(messages=begun, continue_final_message=True).operation.continue_final
    wrong = {"continue_final_message": True, "add_generation_prompt": True}
    assert refused(messages=begun, **wrong).param == "continue_final_message"
    assert refused(continue_final_message=True).param == "continue_final_message"
    assert refused(add_generation_prompt=False).param == "add_generation_prompt"


def test_ends_by_number():
    asked = call(min_tokens=3, max_tokens=3, stop_token_ids=[7, 9]).operation
    assert (asked.min_tokens, asked.stop_token_ids) == (3, (7, 9))
    assert refused(min_tokens=4, max_tokens=3).param == "min_tokens"
    assert refused(stop_token_ids=[-1]).param == "stop_token_ids[0]"


def test_reasoning_comes_back_under_either_name():
    def first(**fields):
        return call(messages=[{"role": "assistant", "content": "x", **fields}]).operation.messages[0]

    assert first(reasoning="hm") == first(reasoning_content="hm")
    assert first(reasoning="hm")["reasoning_content"] == "hm"


def test_unknown_fields_are_named_at_any_depth():
    parsed = call(
        stream=True, stream_options={"include_usage": True, "continuous_usage_stats": True},
        tools=[{"type": "function", "function": {"name": "f", "colour": 1}, "cache_control": {}}],
        response_format={"type": "text", "indent": 2},
    )  # fmt: skip
    assert parsed.ignored == (
        "response_format.indent", "stream_options.continuous_usage_stats", "tools[].cache_control",
        "tools[].function.colour",
    )  # fmt: skip


def test_harmless_and_unknown_fields_are_named():
    parsed = call(user="me", metadata={"a": "b"}, not_a_field=1, **{"x\r\ny: z": 1})
    assert parsed.ignored == ("metadata", "not_a_field", "user", "x??y??z")


def test_unknown_fields_of_messages_are_named():
    message = {"role": "user", "content": "x", "mood": "good", "audio": None}
    assert call(messages=[message]).ignored == ("messages[].mood",)


@pytest.mark.parametrize("name", [*sorted(HARMLESS), "not_a_field"])
def test_strict_clients_are_told_instead(name):
    with pytest.raises(InvalidRequestError, match="would be ignored") as caught:
        call(strict=True, **{name: "x"})
    assert caught.value.param == name


def test_no_field_is_in_two_lists():
    honoured = set(ChatCompletionBody.model_fields)
    assert not honoured & set(REFUSED)
    assert not honoured & HARMLESS
    assert not HARMLESS & set(REFUSED)


def test_every_field_of_openai_is_known():
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

    known = set(ChatCompletionBody.model_fields) | set(REFUSED) | HARMLESS
    assert set(CompletionCreateParamsStreaming.__annotations__) - known == set()


def test_text_parts_are_joined_and_nulls_dropped():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    message = {"role": "user", "content": parts, "name": None}
    assert call(messages=[message]).operation.messages == ({"role": "user", "content": "a\nb"},)


def test_a_tool_round_trip_is_kept():
    asked = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"a":1}'}}
    messages = [
        {"role": "developer", "content": "be brief"},
        {"role": "assistant", "content": None, "tool_calls": [asked], "refusal": None, "audio": None},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]
    sent = call(messages=messages).operation.messages
    assert sent[1] == {"role": "assistant", "content": None, "tool_calls": [asked]}
    assert sent[2] == {"role": "tool", "tool_call_id": "c1", "content": "rain"}
