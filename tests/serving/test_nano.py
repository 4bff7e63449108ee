"""The model that comes along, through the whole way: the openai client, the front, a worker, the engine."""

import httpx2
import openai
import pytest

from fakes.endpoints import wait_for
from labkit.serving import plan_endpoint, running_endpoint
from labkit.settings import load_settings

QUESTION = [{"role": "user", "content": "What is labkit?"}]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    settings = load_settings({"LABKIT_HOME": str(tmp_path_factory.mktemp("home"))})
    with running_endpoint(plan_endpoint(["nano"], settings, port=0)) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def client(endpoint):
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(client, **fields):
    given = {"model": "nano", "messages": QUESTION, "temperature": 0, "max_tokens": 16} | fields
    return client.chat.completions.create(**given)


def test_n_greedy_choices_are_the_single_answer_and_are_counted_together(client):
    alone = ask(client)
    answer = ask(client, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert {choice.message.content for choice in answer.choices} == {alone.choices[0].message.content}
    assert answer.usage.prompt_tokens == alone.usage.prompt_tokens
    assert answer.usage.completion_tokens == 3 * alone.usage.completion_tokens


def test_choices_of_a_seed_are_answers_of_the_seeds_that_follow_it(client):
    warm = {"temperature": 1.5, "max_tokens": 8, "extra_body": {"ignore_eos": True}}
    together = ask(client, n=2, seed=11, **warm)
    alone = [ask(client, seed=seed, **warm).choices[0].message.content for seed in (11, 12)]
    assert [choice.message.content for choice in together.choices] == alone


def test_logprobs_spell_the_answer_whole_and_streamed(client):
    answer = ask(client, logprobs=True, top_logprobs=3).choices[0]
    assert b"".join(bytes(entry.bytes) for entry in answer.logprobs.content).decode() == answer.message.content
    for entry in answer.logprobs.content:
        assert len(entry.top_logprobs) == 3
        assert entry.logprob == entry.top_logprobs[0].logprob <= 0  # greedy: the chosen one is the best
        assert entry.token == entry.top_logprobs[0].token
    text, spelled = "", b""
    for chunk in ask(client, logprobs=True, stream=True):
        choice = chunk.choices[0]
        text += choice.delta.content or ""
        spelled += b"".join(bytes(entry.bytes) for entry in choice.logprobs.content) if choice.logprobs else b""
    assert spelled.decode() == text == answer.message.content


def test_a_prompt_that_was_read_before_is_counted_as_cached_unless_it_must_not(client):
    ask(client)
    again = ask(client)
    assert 0 < again.usage.prompt_tokens_details.cached_tokens < again.usage.prompt_tokens
    assert again.timings["cache_n"] == again.usage.prompt_tokens_details.cached_tokens
    cold = ask(client, extra_body={"cache_prompt": False})
    assert cold.usage.prompt_tokens_details.cached_tokens == 0
    assert cold.choices[0].message.content == again.choices[0].message.content


def test_answers_of_a_choice_a_regex_and_a_grammar(client):
    given = {
        "guided_choice": (["red", "blue"], {"red", "blue"}),
        "guided_regex": ("ab{2}", {"abb"}),
        "grammar": ('root ::= "yes" | "no"', {"yes", "no"}),
    }
    for name, (value, allowed) in given.items():
        assert ask(client, extra_body={name: value}).choices[0].message.content in allowed
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, extra_body={"grammar": "root ::= ("})
    assert caught.value.param == "grammar"


def test_every_sampler_is_honoured_by_the_engine(client):
    samplers = {
        "top_k": 20, "min_p": 0.01, "typical_p": 0.9, "top_n_sigma": 2.0, "xtc_probability": 0.5, "xtc_threshold": 0.2,
        "dry_multiplier": 0.8, "dry_base": 1.5, "dry_allowed_length": 3, "repeat_penalty": 1.1, "repeat_last_n": 64,
    }  # fmt: skip
    answer = ask(client, temperature=0.8, seed=1, extra_body=samplers)
    assert answer.choices[0].message.content


def test_an_unknown_adapter_is_not_found(client):
    with pytest.raises(openai.NotFoundError, match="nobody"):
        ask(client, extra_body={"lora": [{"name": "nobody"}]})


def test_leaving_ends_every_choice(client, endpoint):
    stream = ask(client, n=4, stream=True, max_tokens=900, extra_body={"ignore_eos": True})
    next(stream)
    stream.close()
    after = ask(client)
    assert after.choices[0].message.content


def test_stats_tell_of_hits(client, endpoint):
    ask(client)
    ask(client)

    def hits():
        models = httpx2.get(f"{endpoint.url}/labkit/stats", trust_env=False).json()["models"]
        return models["nano"]["engine"].get("counters", {}).get("host_hits", 0)

    assert wait_for(hits) > 0
