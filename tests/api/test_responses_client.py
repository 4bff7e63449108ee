"""The openai client's Responses against a real socket and a worker process that is fake only in having no model."""

import json
from itertools import groupby

import openai
import pytest
from openai.types import responses as types
from pydantic import BaseModel

WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "now",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": True,
}


class Person(BaseModel):
    name: str


@pytest.fixture
def client(served):
    with openai.OpenAI(base_url=f"{served[0].url}/v1", api_key="none", max_retries=0) as client:
        yield client.responses


def seen(response):
    return json.loads(response.output_text)


def test_a_whole_response(client):
    response = client.create(model="echo", input="to be or not", metadata={"a": "b"}, instructions="Be brief.")
    assert response.output_text == "to be or not"
    assert (response.status, response.object, response.error, response.incomplete_details) == (
        "completed", "response", None, None,
    )  # fmt: skip
    assert (response.metadata, response.instructions, response.store) == ({"a": "b"}, "Be brief.", True)
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (10, 4, 14)
    assert (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens) == (4, 0)
    (message,) = response.output
    assert (message.type, message.role, message.status) == ("message", "assistant", "completed")


def test_a_response_that_is_cut_is_incomplete(client):
    response = client.create(model="echo", input="one two three", max_output_tokens=2)
    assert (response.output_text, response.status) == ("one two", "incomplete")
    assert response.incomplete_details.reason == "max_output_tokens"
    *_, last = client.create(model="echo", input="one two three", max_output_tokens=2, stream=True)
    assert (last.type, last.response.output[0].status) == ("response.incomplete", "incomplete")


def test_a_stream_has_every_event_in_order_and_numbered(client):
    events = list(client.create(model="echo", input="think", stream=True, tools=[WEATHER]))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    item = ["response.output_item.added", "response.output_item.done"]
    part = ["response.content_part.added", "response.content_part.done"]
    assert [name for name, _ in groupby(event.type for event in events)] == [
        "response.created", "response.in_progress",
        item[0], part[0], "response.reasoning_text.delta", "response.reasoning_text.done", part[1], item[1],
        item[0], part[0], "response.output_text.delta", "response.output_text.done", part[1], item[1],
        item[0], "response.function_call_arguments.delta", "response.function_call_arguments.done", item[1],
        item[0], "response.function_call_arguments.delta", "response.function_call_arguments.done", item[1],
        "response.completed",
    ]  # fmt: skip
    whole = client.create(model="echo", input="think", tools=[WEATHER])
    streamed = [item.model_dump(exclude={"id"}) for item in events[-1].response.output]
    assert streamed == [item.model_dump(exclude={"id"}) for item in whole.output]
    assert streamed == [
        event.item.model_dump(exclude={"id"}) for event in events if event.type == "response.output_item.done"
    ]
    added = [event.part.text for event in events if event.type == part[0]]
    assert added == ["", ""]


def test_events_are_what_the_clients_types_say(client):
    """Every field that a type requires is there, with a value of its kind: the client itself checks nothing."""
    kinds = {kind.model_fields["type"].annotation.__args__[0]: kind for kind in events_of_the_client()}
    for text, fields in (("think", {}), ("to be", {}), ("think", {"reasoning": {"summary": "auto"}})):
        for event in client.create(model="echo", input=text, stream=True, tools=[WEATHER], **fields):
            kinds[event.type].model_validate(event.to_dict(), strict=True)
    types.Response.model_validate(client.create(model="echo", input="think").to_dict(), strict=True)


def events_of_the_client():
    return [
        kind
        for name, kind in vars(types).items()
        if name.startswith("Response") and name.endswith("Event") and isinstance(kind, type)
    ]


def test_the_clients_own_accumulator_understands_the_stream(client):
    with client.stream(model="echo", input="think", tools=[WEATHER]) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == "I will look."
    reasoning, message, weather, clock = final.output
    assert reasoning.content[0].text == "Let me see."
    assert message.content[0].text == "I will look."
    assert (weather.call_id, weather.name, json.loads(weather.arguments)) == ("call_1", "weather", {"city": "Oslo"})
    assert (clock.call_id, clock.name, clock.arguments) == ("call_2", "time", "{}")
    assert final.usage.output_tokens_details.reasoning_tokens == 2


def test_reasoning_as_a_summary_where_one_is_wanted(client):
    response = client.create(model="echo", input="think", reasoning={"summary": "auto"})
    assert response.output[0].summary[0].text == "Let me see."
    assert response.output[0].content is None
    events = list(client.create(model="echo", input="think", reasoning={"summary": "auto"}, stream=True))
    text = "".join(event.delta for event in events if event.type == "response.reasoning_summary_text.delta")
    assert text == "Let me see."
    assert [event.type for event in events if "summary_part" in event.type] == [
        "response.reasoning_summary_part.added", "response.reasoning_summary_part.done",
    ]  # fmt: skip


def test_a_conversation_goes_on_from_a_stored_response(client):
    first = client.create(model="echo", input="hello", instructions="Old rules.")
    second = client.create(model="echo", input="asked", previous_response_id=first.id, instructions="New rules.")
    assert seen(second)["messages"] == [
        {"role": "system", "content": "New rules."},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "asked"},
    ]
    third = client.create(model="echo", input="still asked", previous_response_id=second.id, stream=True)
    *_, last = third
    assert [message["role"] for message in json.loads(last.response.output_text)["messages"]] == [
        "user", "assistant", "user", "assistant", "user",
    ]  # fmt: skip
    assert last.response.previous_response_id == second.id


def test_a_tool_loop_goes_on_from_a_stored_response(client):
    first = client.create(model="echo", input="think", tools=[WEATHER])
    outputs = [
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
        {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "noon asked"}]},
    ]
    second = client.create(model="echo", input=outputs, previous_response_id=first.id, tools=[WEATHER])
    user, assistant, *results = seen(second)["messages"]
    assert user["content"] == "think"
    assert (assistant["content"], assistant["reasoning_content"]) == ("I will look.", "Let me see.")
    assert [call["id"] for call in assistant["tool_calls"]] == ["call_1", "call_2"]
    assert [(one["role"], one["tool_call_id"], one["content"]) for one in results] == [
        ("tool", "call_1", "rain"), ("tool", "call_2", "noon asked"),
    ]  # fmt: skip


def test_output_items_may_come_back_as_input_or_by_reference(client):
    first = client.create(model="echo", input="think")
    again = [*first.output, {"role": "user", "content": "asked"}]
    references = [{"type": "item_reference", "id": item.id} for item in first.output]
    whole = seen(client.create(model="echo", input=again))["messages"]
    assert whole == seen(client.create(model="echo", input=[*references, again[-1]]))["messages"]
    assert [call["function"]["name"] for call in whole[0]["tool_calls"]] == ["weather", "time"]
    with pytest.raises(openai.BadRequestError, match="no stored item") as caught:
        client.create(model="echo", input=[{"type": "item_reference", "id": "msg_none"}])
    assert caught.value.param == "input[0].id"


def test_what_is_stored_can_be_had_listed_and_deleted(client):
    items = [{"role": "user", "content": f"number {n}"} for n in range(3)] + [{"role": "user", "content": "x"}]
    made = client.create(model="echo", input=items, metadata={"k": "v"})
    assert client.retrieve(made.id).to_dict() == made.to_dict()
    newest, *_ = page = list(client.input_items.list(made.id, limit=2))
    assert newest.content[0].text == "x"
    assert [item.content[0].text for item in reversed(page)] == ["number 0", "number 1", "number 2", "x"]
    client.delete(made.id)
    for gone in (lambda: client.retrieve(made.id), lambda: client.delete(made.id)):
        with pytest.raises(openai.NotFoundError, match="no stored response"):
            gone()
    with pytest.raises(openai.BadRequestError) as caught:
        client.create(model="echo", input="x", previous_response_id=made.id)
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")


def test_what_is_not_to_be_stored_is_not(client):
    made = client.create(model="echo", input="secret", store=False)
    assert made.store is False
    with pytest.raises(openai.NotFoundError):
        client.retrieve(made.id)


def test_cancelling_is_refused(client):
    made = client.create(model="echo", input="x")
    with pytest.raises(openai.BadRequestError, match="background"):
        client.cancel(made.id)


def test_a_schema_reaches_the_worker_and_the_answer_is_parsed(client):
    response = client.parse(model="echo", input='{"name": "Ada"}', text_format=Person)
    assert response.output_parsed == Person(name="Ada")
    assert response.text.format.type == "json_schema"
    schema = seen(
        client.create(model="echo", input="asked", text={"format": {"type": "json_object"}})
    )["response_schema"]  # fmt: skip
    assert schema == {}


def test_tools_and_their_choice_reach_the_worker(client):
    clock = {"type": "function", "name": "clock", "parameters": {"type": "object"}, "strict": False}
    tools = [WEATHER, clock]
    asked = seen(client.create(model="echo", input="asked", tools=tools, tool_choice="required"))
    assert asked["tool_choice"] == "required"
    assert asked["tools"][0]["function"] == {key: WEATHER[key] for key in WEATHER if key != "type"}
    named = {"type": "function", "name": "clock"}
    asked = seen(client.create(model="echo", input="asked", tools=tools, tool_choice=named, parallel_tool_calls=False))
    assert (asked["tool_choice"], asked["parallel_tool_calls"]) == ("name:clock", False)
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [named]}
    asked = seen(client.create(model="echo", input="asked", tools=tools, tool_choice=allowed))
    assert [tool["function"]["name"] for tool in asked["tools"]] == ["clock"]


def test_sampling_effort_and_logprobs_reach_the_worker(client):
    made = client.create(
        model="echo", input="asked", temperature=0.25, top_p=0.5, reasoning={"effort": "low"}, top_logprobs=3,
        include=["message.output_text.logprobs"], service_tier="flex",
    )  # fmt: skip
    asked = seen(made)
    assert (asked["sampling"]["temperature"], asked["sampling"]["top_p"]) == (0.25, 0.5)
    assert (asked["reasoning_effort"], asked["logprobs"], asked["lane"]) == ("low", 3, "batch")
    assert (made.temperature, made.top_p, made.reasoning.effort, made.service_tier) == (0.25, 0.5, "low", "flex")


def test_logprobs_come_with_the_text(client):
    made = client.create(model="echo", input="choices", include=["message.output_text.logprobs"], top_logprobs=2)
    first, _ = made.output[0].content[0].logprobs
    assert (first.token, first.logprob, first.top_logprobs[1].bytes) == ("0", -0.5, [255])
    events = client.create(model="echo", input="choices", include=["message.output_text.logprobs"], stream=True)
    tokens = [entry.token for event in events if event.type == "response.output_text.delta" for entry in event.logprobs]
    assert tokens == ["0", "0"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [WEATHER, WEATHER]}, "tools[1].name"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice.type"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "name": "x"}}, "tool_choice"),
        (
            {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"name": "x"}]}},
            "tool_choice.tools[0].name",
        ),
        ({"text": {"verbosity": "high"}}, "text.verbosity"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"truncation": "sometimes"}, "truncation"),
        ({"temperature": 3}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"include": ["nothing"]}, "include"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"input": []}, "input"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": ["x"]}]}]}, "input[0].content[0]"),
        ({"input": [{"type": ["x"]}]}, "input[0].type"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input[0].arguments"),
        ({"input": "error"}, "input"),
        ({"extra_body": {"messages": []}}, "messages"),
        ({"extra_body": {"max_tokens": 5}}, "max_tokens"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(client, fields, param):
    with pytest.raises(openai.BadRequestError) as caught:
        client.create(**{"model": "echo", "input": "x"} | fields)
    assert caught.value.param == param
    with pytest.raises(openai.BadRequestError):
        list(client.create(**{"model": "echo", "input": "x", "stream": True} | fields))


def test_harmless_fields_are_named_and_refused_in_strict_mode(client):
    fields = {"input": "x", "user": "me", "max_tool_calls": 3, "include": ["reasoning.encrypted_content"]}
    raw = client.with_raw_response.create(model="echo", **fields)
    assert raw.headers["x-labkit-ignored"] == "include[reasoning.encrypted_content], max_tool_calls, user"
    assert raw.parse().user == "me"
    with pytest.raises(openai.BadRequestError, match="would be ignored"):
        client.create(model="echo", extra_headers={"x-labkit-strict": "1"}, **fields)
    client.create(model="echo", input="x", temperature=0, extra_headers={"x-labkit-strict": "1"})


def test_a_late_error_fails_the_response_and_ends_the_stream(client, http):
    stream = client.create(model="echo", input="late-error 2", stream=True)
    with pytest.raises(openai.APIError, match="the forward failed"):
        list(stream)
    body = {"model": "echo", "input": "late-error 2", "stream": True}
    text = http.post("/v1/responses", json=body).text
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    types.ResponseErrorEvent.model_validate(events[-2])
    failed = types.ResponseFailedEvent.model_validate(events[-1]).response
    assert (failed.status, failed.error.code) == ("failed", "server_error")


def test_tokens_are_counted_without_an_answer(client):
    fields = {"model": "echo", "instructions": "Be brief.", "tools": [WEATHER]}
    counted = client.input_tokens.count(input="hello", **fields)
    assert counted.input_tokens == len("system: Be brief.\nuser: hello\nweather\nassistant:") + 1
    first = client.create(model="echo", input="hello")
    longer = client.input_tokens.count(input="hello", previous_response_id=first.id, **fields)
    assert longer.input_tokens > counted.input_tokens


def test_truncation_leaves_out_what_does_not_fit(client):
    """The fake worker's context holds 4,096 tokens, and each character is one."""
    turns = [{"role": role, "content": f"{n} {'x' * 400}"} for n in range(10) for role in ("user", "assistant")]
    items = [*turns, {"role": "user", "content": "asked"}]
    fields = {"model": "echo", "input": items, "instructions": "Be brief.", "max_output_tokens": 100}
    system, *rest = seen(client.create(truncation="auto", **fields))["messages"]
    assert system["content"] == "Be brief."
    assert [message["role"] for message in rest] == ["user", "assistant"] * 4 + ["user"]
    assert (rest[0]["content"][0], rest[-1]["content"]) == ("6", "asked")
    assert len(seen(client.create(truncation="disabled", **fields))["messages"]) == 22
    short = client.create(model="echo", input="asked", truncation="auto")
    assert (seen(short)["messages"], short.truncation) == ([{"role": "user", "content": "asked"}], "auto")


def test_openais_own_tools_are_left_out_beside_functions_and_named(client):
    tools = [WEATHER, {"type": "web_search"}, {"type": "custom", "name": "patch"}]
    raw = client.with_raw_response.create(model="echo", input="asked", tools=tools)
    assert raw.headers["x-labkit-ignored"] == "tools[custom], tools[web_search]"
    assert [tool["function"]["name"] for tool in seen(raw.parse())["tools"]] == ["weather"]
    hostile = [WEATHER, {"type": "x\r\nset-cookie: a=b\x00"}]
    raw = client.with_raw_response.create(model="echo", input="asked", tools=hostile)
    assert raw.headers["x-labkit-ignored"] == "tools[x??set-cookie??a?b?]"
    with pytest.raises(openai.BadRequestError, match="would be ignored"):
        client.create(model="echo", input="x", tools=tools, extra_headers={"x-labkit-strict": "1"})


def test_functions_in_a_namespace_are_called_by_their_own_names(client):
    space = {"type": "namespace", "name": "mcp__sky", "description": "d", "tools": [{**WEATHER, "name": "weather"}]}
    (tool,) = seen(client.create(model="echo", input="asked", tools=[space]))["tools"]
    assert tool["function"]["name"] == "mcp__sky__weather"
    call = {"type": "function_call", "call_id": "c", "namespace": "mcp__sky", "name": "weather", "arguments": "{}"}
    told = seen(client.create(model="echo", input=[call, {"role": "user", "content": "asked"}], tools=[space]))
    assert told["messages"][0]["tool_calls"][0]["function"]["name"] == "mcp__sky__weather"
