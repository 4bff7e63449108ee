"""POST /v1/completions with the real openai client, and llama-server's POST /completion."""

import json

import openai
import pytest


@pytest.fixture
def client(served):
    with openai.OpenAI(base_url=f"{served[0].url}/v1", api_key="none", max_retries=0) as client:
        yield client


def complete(client, prompt, **fields):
    return client.completions.create(model="echo", prompt=prompt, **fields)


def test_a_whole_answer(client):
    answer = complete(client, "to be", max_tokens=4)
    (choice,) = answer.choices
    assert (choice.text, choice.finish_reason, choice.logprobs, choice.index) == ("to b", "length", None, 0)
    assert (answer.object, answer.usage.prompt_tokens, answer.usage.completion_tokens) == ("text_completion", 5, 4)
    assert answer.timings["predicted_n"] == 4


def test_a_stream_of_several_prompts(client):
    chunks = list(complete(client, ["ab", "xyz"], n=2, stream=True, stream_options={"include_usage": True}))
    *pieces, usage = chunks
    texts = ["", "", "", ""]
    for chunk in pieces:
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == ["ab", "b", "xyz", "yz"]
    assert sorted(c.choices[0].index for c in pieces if c.choices[0].finish_reason) == [0, 1, 2, 3]
    assert (usage.choices, usage.usage.prompt_tokens, usage.usage.completion_tokens) == ([], 5, 8)
    assert {chunk.usage for chunk in pieces} == {None}
    assert chunks[-1].timings["predicted_n"] == 8


def test_token_ids_are_prompts(client):
    answer = complete(client, [[97, 98], [99]])
    assert [(choice.index, choice.text) for choice in answer.choices] == [(0, "ab"), (1, "c")]
    assert complete(client, [97, 98]).choices[0].text == "ab"


def test_echo_with_logprobs(client):
    (choice,) = complete(client, "abc", max_tokens=1, echo=True, logprobs=2).choices
    assert choice.text == "abca"
    found = choice.logprobs
    assert found.tokens == ["a", "b", "c", "a"]
    assert found.token_logprobs == [None, -1.0, -1.0, -9.0]
    assert found.text_offset == [0, 1, 2, 3]
    assert found.top_logprobs[0] is None
    assert found.top_logprobs[1] == {"b": -1.0, "c": -2.0}


def test_echo_of_a_prompt_that_is_only_read(client):
    (choice,) = complete(client, "abc", max_tokens=0, echo=True, logprobs=0).choices
    assert (choice.text, choice.finish_reason, choice.logprobs.tokens) == ("abc", "length", ["a", "b", "c"])


def test_a_streamed_echo_spells_prompt_and_answer(client):
    chunks = list(complete(client, "abc", max_tokens=2, echo=True, logprobs=1, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == "abcab"
    found = [chunk.choices[0].logprobs for chunk in chunks if chunk.choices[0].logprobs]
    assert [token for part in found for token in part.tokens] == ["a", "b", "c", "a", "b"]
    assert [offset for part in found for offset in part.text_offset] == [0, 1, 2, 3, 4]
    assert chunks[-1].choices[0].finish_reason == "length"
    assert chunks[-1].timings["predicted_n"] == 2


def test_best_of_gives_the_likeliest(client):
    answer = complete(client, ["abcd", "wxyz"], n=2, best_of=3)
    assert [choice.text for choice in answer.choices] == ["cd", "bcd", "yz", "xyz"]
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert {choice.logprobs for choice in answer.choices} == {None}
    assert answer.usage.completion_tokens == 18


def test_a_suffix_reaches_the_worker(client):
    assert complete(client, "a", suffix="z").choices[0].text == "az"


def test_errors_are_the_right_classes(client):
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, ["fine", "error"])
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, "x", best_of=2, stream=True)
    assert caught.value.param == "best_of"
    with pytest.raises(openai.NotFoundError):
        client.completions.create(model="nobody", prompt=["a", "b"])


def test_llama_servers_own_route(http):
    answer = http.post("/completion", json={"prompt": "abc", "n_predict": 2, "n_probs": 1}).json()
    assert (answer["content"], answer["stop"], answer["stop_type"], answer["model"]) == ("ab", True, "limit", "echo")
    assert (answer["tokens_predicted"], answer["tokens_evaluated"], answer["prompt"]) == (2, 3, "abc")
    first = answer["completion_probabilities"][0]
    assert (first["token"], first["id"], first["top_logprobs"][0]["token"]) == ("a", 97, "a")
    assert answer["timings"]["predicted_n"] == 2
    several = http.post("/completion", json={"prompt": ["abc", "x"], "n_predict": 2}).json()
    assert [(one["index"], one["content"], one["prompt"]) for one in several] == [(0, "ab", "abc"), (1, "x", "x")]


def test_llama_servers_own_stream(http):
    lines = http.post("/completion", json={"prompt": "abc", "n_predict": 2, "stream": True}).text.split("\n\n")
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    assert "".join(event["content"] for event in events) == "ab"
    assert [event["stop"] for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1]["timings"]["predicted_n"] == 2


def test_props(http):
    props = http.get("/props").json()
    assert (props["total_slots"], props["default_generation_settings"]["n_ctx"]) == (4, 4096)
    assert (props["chat_template"], props["eos_token"], props["model_path"]) == ("{{ messages }}", "</s>", "echo")
