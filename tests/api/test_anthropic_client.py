"""The real anthropic client against a real socket and a worker process that is fake only in having no model."""

import json
from itertools import groupby

import anthropic
import pytest
from anthropic.types import Message, ModelInfo, RawMessageStreamEvent
from pydantic import BaseModel, TypeAdapter

WEATHER = {
    "name": "weather",
    "description": "now",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
KEPT = {"cache_control": {"type": "ephemeral"}}


class Person(BaseModel):
    name: str


@pytest.fixture
def client(served):
    with anthropic.Anthropic(base_url=served[0].url, api_key="none", max_retries=0) as client:
        yield client.messages


def ask(client, content, **fields):
    messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
    return client.create(**{"model": "echo", "max_tokens": 100, "messages": messages} | fields)


def seen(message):
    return json.loads(message.content[0].text)


def test_a_whole_message(client):
    message = ask(client, "to be or not")
    assert [block.text for block in message.content] == ["to be or not"]
    assert (message.stop_reason, message.stop_sequence, message.role, message.model) == (
        "end_turn", None, "assistant", "echo",
    )  # fmt: skip
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (6, 4, 4)
    assert message.id.startswith("msg_")
    assert message._request_id.startswith("req")


def test_why_a_message_ended(client):
    assert ask(client, "one two three", max_tokens=2).stop_reason == "max_tokens"
    stopped = ask(client, "stop here", stop_sequences=["END", "###"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "END")
    assert ask(client, "think", tools=[WEATHER]).stop_reason == "tool_use"


def test_a_stream_has_every_event_in_order(client):
    events = list(ask(client, "think", stream=True, tools=[WEATHER]))
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert [name for name, _ in groupby(event.type for event in events)] == [
        "message_start", *block * 4, "message_delta", "message_stop",
    ]  # fmt: skip
    assert [event.index for event in events if event.type == "content_block_start"] == [0, 1, 2, 3]
    deltas = [event.delta.type for event in events if event.type == "content_block_delta"]
    assert [name for name, _ in groupby(deltas)] == [
        "thinking_delta", "signature_delta", "text_delta", "input_json_delta",
    ]  # fmt: skip
    start = events[0].message
    assert (start.content, start.stop_reason, start.usage.input_tokens) == ([], None, 10)
    assert events[-2].usage.output_tokens == 7
    assert events[-2].usage.output_tokens_details.thinking_tokens == 2


def test_events_and_messages_are_what_the_clients_types_say(client):
    adapter = TypeAdapter(RawMessageStreamEvent)
    for event in ask(client, "think", stream=True, tools=[WEATHER]):
        adapter.validate_python(event.to_dict(), strict=True)
    Message.model_validate(ask(client, "think").to_dict(), strict=True)


def test_the_clients_own_accumulator_understands_the_stream(client):
    with client.stream(
        model="echo", max_tokens=100, messages=[{"role": "user", "content": "think"}], tools=[WEATHER]
    ) as stream:
        assert "".join(stream.text_stream) == "I will look."
        final = stream.get_final_message()
    whole = ask(client, "think", tools=[WEATHER])
    assert final.to_dict()["content"] == whole.to_dict()["content"]
    thinking, text, weather, clock = whole.content
    assert (thinking.thinking, text.text) == ("Let me see.", "I will look.")
    assert (weather.id, weather.name, weather.input) == ("toolu_1", "weather", {"city": "Oslo"})
    assert (clock.id, clock.name, clock.input) == ("toolu_2", "time", {})
    assert (final.usage.input_tokens, final.usage.cache_read_input_tokens) == (6, 4)


def test_thinking_can_be_left_out(client):
    fields = {"thinking": {"type": "adaptive", "display": "omitted"}}
    assert ask(client, "think", **fields).content[0].thinking == ""
    deltas = [event.delta for event in ask(client, "think", stream=True, **fields) if hasattr(event, "delta")]
    assert not [delta for delta in deltas if getattr(delta, "type", "") == "thinking_delta"]


def test_a_long_agents_conversation_reaches_the_worker(client):
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "text", "text": "there", **KEPT}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "redacted_thinking", "data": "xyz"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}},
                {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}, **KEPT},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "is_error": True,
                    "content": [{"type": "text", "text": "no"}, {"type": "text", "text": "city", **KEPT}],
                },
                {"type": "document", "title": "T", "source": {"type": "text", "data": "D", "media_type": "text/plain"}},
                {"type": "text", "text": "now"},
            ],
        },
        {"role": "user", "content": "asked"},
    ]
    system = [{"type": "text", "text": "You are"}, {"type": "text", "text": "an agent.", **KEPT}]
    tools = [WEATHER, {**WEATHER, "name": "other", "type": "custom", "strict": True, **KEPT}]
    raw = client.with_raw_response.create(
        model="echo", max_tokens=9, system=system, tools=tools, messages=messages, metadata={"user_id": "me"}
    )
    assert raw.headers["x-labkit-ignored"] == (
        "messages[].content[].cache_control, messages[].content[].content[].cache_control, metadata, "
        "system[].cache_control, tools[].cache_control"
    )
    asked = seen(raw.parse())
    assert asked["messages"] == [
        {"role": "system", "content": "You are\nan agent."},
        {"role": "user", "content": "look\nthere"},
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "hm",
            "tool_calls": [
                call("toolu_1", "weather", '{"city": "Zürich"}'),
                call("toolu_2", "weather", "{}"),
            ],
        },
        {"role": "tool", "tool_call_id": "toolu_1", "content": "rain"},
        {"role": "tool", "tool_call_id": "toolu_2", "content": "The tool failed: no\ncity"},
        {"role": "user", "content": "T\nD\nnow\nasked"},
    ]
    first, second = (tool["function"] for tool in asked["tools"])
    assert first == {"name": "weather", "description": "now", "parameters": WEATHER["input_schema"]}
    assert (second["name"], second["strict"]) == ("other", True)
    assert (asked["max_tokens"], asked["parallel_tool_calls"], asked["continue_final"]) == (9, True, False)


def call(call_id, name, arguments):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, ("auto", True)),
        ({"type": "any", "disable_parallel_tool_use": True}, ("required", False)),
        ({"type": "tool", "name": "weather"}, ("name:weather", True)),
        ({"type": "none"}, ("none", True)),
    ],
)
def test_tool_choice_reaches_the_worker(client, choice, expected):
    asked = seen(ask(client, "asked", tools=[WEATHER], tool_choice=choice))
    assert (asked["tool_choice"], asked["parallel_tool_calls"]) == expected


ALLOWED = {"enable_thinking": True, "thinking": True}


@pytest.mark.parametrize(
    ("fields", "effort", "said"),
    [
        ({}, None, {}),
        ({"thinking": {"type": "disabled"}}, "none", {}),
        ({"thinking": {"type": "adaptive"}}, None, ALLOWED),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, None, ALLOWED | {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 9000}}, None, ALLOWED | {"reasoning_effort": "medium"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 50000}}, None, ALLOWED | {"reasoning_effort": "high"}),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}},
            None,
            ALLOWED | {"reasoning_effort": "high"},
        ),
        ({"output_config": {"effort": "low"}}, None, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, "none", {}),
    ],
)
def test_thinking_is_turned_off_by_order_and_on_by_leave(client, fields, effort, said):
    raw = client.with_raw_response.create(
        model="echo", max_tokens=60000, messages=[{"role": "user", "content": "asked"}], timeout=30, **fields
    )
    asked = seen(raw.parse())
    assert (asked["reasoning_effort"], asked["template_arguments"]) == (effort, said)
    has_budget = "budget_tokens" in fields.get("thinking", {})
    assert raw.headers.get("x-labkit-ignored") == ("thinking.budget_tokens" if has_budget else None)


def test_an_effort_is_an_order_in_strict_mode(client):
    fields = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}
    asked = seen(ask(client, "asked", extra_headers={"x-labkit-strict": "1"}, **fields))
    assert (asked["reasoning_effort"], asked["template_arguments"]) == ("max", ALLOWED)


def test_sampling_a_schema_and_a_prefix_reach_the_worker(client):
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "I was asked"}]
    fields = {"temperature": 0.5, "top_k": 7, "top_p": 0.25}
    asked = seen(ask(client, messages, extra_headers={"anthropic-beta": "a,b"}, service_tier="auto", extra_body=fields))
    assert {name: asked["sampling"][name] for name in fields} == fields
    assert (asked["continue_final"], asked["messages"][-1]["content"]) == (True, "I was asked")
    parsed = client.parse(
        model="echo", max_tokens=9, messages=[{"role": "user", "content": '{"name": "Ada"}'}], output_format=Person
    )
    assert parsed.parsed_output == Person(name="Ada")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"max_tokens": -1}, "max_tokens"),
        ({"extra_body": {"temperature": 3}}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "'image' is not supported"),
        ({"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "url"}}]}]}, "document"),
        ({"messages": [{"role": "user", "content": [{"type": ["x"]}]}]}, "is not supported yet"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "tool_use_id is missing"),
        ({"messages": [{"role": "user", "content": [{"type": "thinking", "thinking": "x"}]}]}, "no place in a user"),
        ({"messages": [{"role": "assistant", "content": " "}]}, "no text to continue"),
        (
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {}}]}
                ]
            },
            "its result must follow",
        ),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search_20250305"),
        ({"tools": [WEATHER, WEATHER]}, "two tools are named weather"),
        ({"tool_choice": {"type": "any"}}, "there are no tools"),
        ({"tool_choice": {"type": "tool", "name": "x"}}, "not among tools"),
        ({"tool_choice": {"type": "tool"}}, "needs a name"),
        ({"thinking": {"type": "enabled"}}, "budget_tokens is missing"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "must be below max_tokens"),
        ({"stop_sequences": ["x" * 300]}, "longer than"),
        ({"container": "c"}, "container is not supported"),
        ({"extra_body": {"mcp_servers": [{}]}}, "mcp_servers"),
        ({"messages": [{"role": "user", "content": "error"}]}, "5000 tokens"),
    ],
)
def test_what_cannot_be_honoured_is_a_bad_request(client, fields, text):
    with pytest.raises(anthropic.BadRequestError, match=text) as caught:
        ask(client, "x", **fields)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.body["request_id"] == caught.value.request_id != ""


def test_errors_are_of_the_clients_own_classes(client):
    with pytest.raises(anthropic.NotFoundError, match="did you mean echo") as missing:
        ask(client, "x", model="ecco")
    assert missing.value.type == "not_found_error"
    with pytest.raises(anthropic.RateLimitError) as caught:
        ask(client, "full", stream=True)
    assert (caught.value.type, caught.value.response.headers["retry-after"]) == ("rate_limit_error", "7")


def test_a_late_error_is_one_event_and_the_end(client):
    text = ""
    with pytest.raises(anthropic.APIStatusError, match="the forward failed") as caught:  # noqa: PT012
        for event in ask(client, "late-error 3", stream=True):
            text += event.delta.text if event.type == "content_block_delta" else ""
    assert (text, caught.value.type) == ("sososo", "api_error")


def test_strict_mode_refuses_what_would_be_ignored(client):
    strict = {"x-labkit-strict": "1"}
    with pytest.raises(anthropic.BadRequestError, match="would be ignored"):
        ask(client, "x", metadata={"user_id": "me"}, extra_headers=strict)
    assert ask(client, "x", extra_body={"temperature": 0}, extra_headers=strict).stop_reason == "end_turn"


def test_tokens_are_counted_without_an_answer(client):
    fields = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}
    counted = client.count_tokens(system="Be brief.", tools=[WEATHER], **fields)
    assert counted.input_tokens == len("system: Be brief.\nuser: hello\nweather\nassistant:") + 1
    assert client.count_tokens(**fields).input_tokens < counted.input_tokens
    with pytest.raises(anthropic.NotFoundError):
        client.count_tokens(**fields | {"model": "ecco"})


def test_models_are_listed_in_its_own_way(served):
    with anthropic.Anthropic(base_url=served[0].url, api_key="none", max_retries=0) as client:
        (listed,) = client.models.list()
        one = client.models.retrieve("echo")
        with pytest.raises(anthropic.NotFoundError):
            client.models.retrieve("ecco")
    assert ModelInfo.model_validate(one.to_dict()) == listed == one
    assert (one.id, one.type, one.max_input_tokens, one.lifecycle) == ("echo", "model", 4096, "active")
