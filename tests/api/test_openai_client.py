"""The real openai client against a real socket and a worker process that is fake only in having no model."""

import json

import openai
import pytest

from fakes.endpoints import wait_for


@pytest.fixture
def client(served):
    with openai.OpenAI(base_url=f"{served[0].url}/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(client, text, **fields):
    return client.chat.completions.create(model="echo", messages=[{"role": "user", "content": text}], **fields)


def worker_state(client):
    return json.loads(ask(client, "state").choices[0].message.content)


def test_models(client):
    (model,) = client.models.list()
    assert (model.id, model.root, model.max_model_len) == ("echo", "echo", 4096)
    assert client.models.retrieve("echo").quantization == "Q8_0"


def test_a_whole_answer(client):
    answer = ask(client, "to be or not")
    assert answer.choices[0].message.content == "to be or not"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (10, 4)
    assert answer.usage.prompt_tokens_details.cached_tokens == 4
    assert answer.timings["predicted_n"] == 4


def test_a_stream(client):
    chunks = list(ask(client, "to be or not", stream=True, stream_options={"include_usage": True}))
    *texts, finish, usage = chunks
    assert "".join(chunk.choices[0].delta.content for chunk in texts) == "to be or not"
    assert texts[0].choices[0].delta.role == "assistant"
    assert finish.choices[0].finish_reason == "stop"
    assert usage.choices == []
    assert usage.usage.total_tokens == 14


def test_the_clients_own_accumulator_understands_the_stream(client):
    with client.chat.completions.stream(
        model="echo", messages=[{"role": "user", "content": "tool"}], stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()
    (call,) = final.choices[0].message.tool_calls
    assert (call.id, call.function.name, json.loads(call.function.arguments)) == (
        "call_1",
        "weather",
        {"city": "Oslo"},
    )
    assert final.choices[0].finish_reason == "tool_calls"


def test_max_tokens_and_length(client):
    answer = ask(client, "one two three", max_tokens=2)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("one two", "length")


def test_sampling_reaches_the_worker(client):
    seen = json.loads(ask(client, "what is asked", temperature=0.25, stop=["\n"]).choices[0].message.content)
    assert (seen["sampling"]["temperature"], seen["stop"]) == (0.25, ["\n"])
    assert (seen["tool_choice"], seen["lane"], seen["reuse"]) == ("auto", "normal", True)


def test_a_service_tier_reaches_the_worker_and_comes_back(client):
    answer = ask(client, "what is asked", service_tier="priority", extra_body={"cache_prompt": False})
    seen = json.loads(answer.choices[0].message.content)
    assert (seen["lane"], seen["reuse"], answer.service_tier) == ("interactive", False, "priority")
    chunks = list(ask(client, "x", service_tier="auto", stream=True))
    assert {chunk.service_tier for chunk in chunks} == {"default"}


def test_n_choices_with_logprobs(client):
    answer = ask(client, "choices", n=3, logprobs=True, top_logprobs=2)
    assert [(choice.index, choice.message.content, choice.finish_reason) for choice in answer.choices] == [
        (0, "00", "stop"), (1, "11", "stop"), (2, "22", "stop"),
    ]  # fmt: skip
    first, second = answer.choices[2].logprobs.content
    assert first == second
    assert (first.token, first.logprob, first.bytes) == ("2", -0.5, [50])
    assert [(top.token, top.bytes) for top in first.top_logprobs] == [("2", [50]), ("\ufffd", [255])]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (10, 6)
    assert ask(client, "choices", n=2).choices[1].logprobs is None


def test_n_choices_in_a_stream_end_once_each(client):
    with client.chat.completions.stream(
        model="echo", messages=[{"role": "user", "content": "choices"}], n=3, logprobs=True,
        stream_options={"include_usage": True},
    ) as stream:  # fmt: skip
        chunks = [event.chunk for event in stream if event.type == "chunk"]
        final = stream.get_final_completion()
    ends = [choice.index for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert sorted(ends) == [0, 1, 2]
    roles = [choice.index for chunk in chunks for choice in chunk.choices if choice.delta.role]
    assert sorted(roles) == [0, 1, 2]
    assert [choice.message.content for choice in final.choices] == ["00", "11", "22"]
    assert [len(choice.logprobs.content) for choice in final.choices] == [2, 2, 2]
    assert final.usage.completion_tokens == 6
    assert [chunk.usage is not None for chunk in chunks].count(True) == 1


def test_early_errors_are_status_codes_streamed_or_not(client):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="5000 tokens") as caught:
            ask(client, "error", stream=stream)
        assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
        with pytest.raises(openai.RateLimitError, match="full") as caught:
            ask(client, "full", stream=stream)
        assert caught.value.response.headers["retry-after"] == "7"


def test_a_late_error_is_one_event_and_the_end(client):
    stream = ask(client, "late-error 3", stream=True)
    text = ""
    with pytest.raises(openai.APIError, match="the forward failed"):  # noqa: PT012  # each chunk may be the last
        for chunk in stream:
            text += chunk.choices[0].delta.content
    assert text == "sososo"


def test_an_unknown_model_is_named_with_its_neighbours(client):
    with pytest.raises(openai.NotFoundError, match="echo") as caught:
        client.chat.completions.create(model="ecco", messages=[{"role": "user", "content": "x"}])
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="did you mean echo"):
        client.models.retrieve("echoo")


def test_a_refused_field_is_a_bad_request(client):
    with pytest.raises(openai.BadRequestError, match="not supported yet") as caught:
        ask(client, "x", store=True)
    assert caught.value.param == "store"


def test_closing_a_stream_frees_its_slot(client, served):
    stream = ask(client, "slow 1000", stream=True)
    next(stream)
    stream.close()
    endpoint = served[0]
    wait_for(lambda: endpoint.num_running == 0)
    wait_for(lambda: worker_state(client)["running"] == [])
    assert stream.response.is_closed
    assert worker_state(client)["cancelled"]
