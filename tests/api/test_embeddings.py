"""The real openai client against real workers that hold tiny models."""

import base64
import threading

import httpx2
import numpy as np
import openai
import pytest

from fakes.embedding_models import bert_scores, bert_token_vectors, bert_weights, write_tiny_bert, write_tiny_qwen3
from fakes.endpoints import wait_for
from labkit.engine.types import EngineConfig
from labkit.gguf import file_facts, validate
from labkit.model import ModelRef
from labkit.resources import embedded_model
from labkit.serving import EndpointPlan, ServedModel, running_endpoint

DOCUMENTS = ["cats", "dogs bark", "a fish", "the sea is blue"]


def model(path, name=None):
    return ServedModel(ModelRef(name=name or path.stem, path=path), file_facts(validate(path)))


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    models = (
        model(write_tiny_bert(folder / "bert.gguf")),
        model(write_tiny_qwen3(folder / "qwen3.gguf")),
        model(write_tiny_bert(folder / "ranker.gguf", pooling="rank", head=1)),
        model(embedded_model(), "nano"),
    )
    plan = EndpointPlan(models, folder, port=0, engine=EngineConfig(num_threads=1))
    with running_endpoint(plan) as endpoint:
        yield endpoint


@pytest.fixture
def client(endpoint):
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def http(endpoint):
    with httpx2.Client(base_url=endpoint.url, timeout=30, trust_env=False) as http:
        yield http


def embed(http, **fields):
    return http.post("/v1/embeddings", json={"model": "bert", "input": "hello"} | fields)


def problem(response):
    assert response.status_code == 400
    error = response.json()["error"]
    return error["param"], error["message"]


def cosine(a, b):
    return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


def test_a_vector_per_text_in_their_order(client):
    texts = ["hello", "some longer words", "a", "hello"]
    answer = client.embeddings.create(model="bert", input=texts)
    vectors = [item.embedding for item in answer.data]
    assert [item.index for item in answer.data] == [0, 1, 2, 3]
    assert {len(vector) for vector in vectors} == {64}
    for vector in vectors:
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert cosine(vectors[0], vectors[3]) > 0.9999
    assert cosine(vectors[0], vectors[1]) < 0.999
    # CLS and SEP around 5, 15 and 1 letters (a space is no token of its own)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 7 + 17 + 3 + 7
    assert answer.model == "bert"


def test_token_ids_are_taken_as_they_are(client):
    weights, tokens = bert_weights(), [2, 21, 16, 3]
    one = client.embeddings.create(model="bert", input=tokens)
    several = client.embeddings.create(model="bert", input=[tokens, [5]])
    assert [len(one.data), len(several.data)] == [1, 2]
    assert cosine(one.data[0].embedding, bert_token_vectors(weights, tokens).mean(0)) > 0.9999
    assert cosine(one.data[0].embedding, several.data[0].embedding) > 0.9999
    assert several.usage.prompt_tokens == 5


def test_float_and_base64_say_the_same(client, http):
    as_float = embed(http, encoding_format="float").json()["data"][0]["embedding"]
    as_text = embed(http, encoding_format="base64").json()["data"][0]["embedding"]
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(as_text), "<f4"), np.array(as_float, np.float32))
    np.testing.assert_array_equal(client.embeddings.create(model="bert", input="hello").data[0].embedding, as_float)


def test_dimensions_cut_and_normalise_again(http):
    whole = np.array(embed(http, normalize=False).json()["data"][0]["embedding"])
    cut = np.array(embed(http, dimensions=16).json()["data"][0]["embedding"])
    assert cut.shape == (16,)
    np.testing.assert_allclose(cut, whole[:16] / np.linalg.norm(whole[:16]), rtol=1e-5)


def test_many_inputs_in_one_request(client):
    texts = [f"text {number} " + "word " * (number % 9) for number in range(300)]
    together = client.embeddings.create(model="qwen3", input=texts).data
    for number in (0, 8, 150, 299):
        alone = client.embeddings.create(model="qwen3", input=texts[number]).data[0]
        assert cosine(alone.embedding, together[number].embedding) > 0.9999


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"input": None}, "input", "missing"),
        ({"input": ""}, "input", "empty"),
        ({"input": []}, "input", "not empty"),
        ({"input": ["a", ""]}, "input[1]", "empty"),
        ({"input": [[1], []]}, "input[1]", "empty"),
        ({"input": {"text": "a"}}, "input", "must be"),
        ({"input": ["a", 5]}, "input[1]", "must be"),
        ({"input": [1, -5]}, "input", "token ids"),
        ({"input": [1.5]}, "input[0]", "must be"),
        ({"input": [True]}, "input", "token ids"),
        ({"input": [[100_000]]}, "input", "vocabulary"),
        ({"input": ["a"] * 2049}, "input", "2048"),
        ({"input": "a " * 100}, "input", "context length is 64"),
        ({"dimensions": 65}, "dimensions", "64"),
        ({"dimensions": 0}, "dimensions", "greater"),
        ({"dimensions": "16"}, "dimensions", "integer"),
        ({"encoding_format": "int8"}, "encoding_format", "float"),
        ({"model": ""}, "model", "character"),
    ],
)
def test_what_is_wrong_is_a_400_that_names_it(http, fields, param, words):
    found, message = problem(embed(http, **fields))
    assert (found, words in message) == (param, True), (found, message)


def test_an_input_that_is_too_long_has_its_code(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="bert", input=["fine", "a " * 100])
    assert caught.value.code == "context_length_exceeded"
    assert "input[1] has 102 tokens" in caught.value.message


def test_unknown_fields_are_named_or_refused(http):
    answer = embed(http, user="me", truncate="END")
    assert answer.headers["x-labkit-ignored"] == "truncate, user"
    strict = http.post(
        "/v1/embeddings", json={"model": "bert", "input": "a", "truncate": 1}, headers={"x-labkit-strict": "1"}
    )
    assert problem(strict)[0] == "truncate"


def test_models_say_what_they_are_for(http):
    found = {
        item["id"]: (item["capabilities"], item["embedding_size"]) for item in http.get("/v1/models").json()["data"]
    }
    assert found == {
        "bert": (["embeddings"], 64),
        "qwen3": (["embeddings"], 64),
        "ranker": (["rerank"], None),
        "nano": (["chat", "completions"], None),
    }


def test_each_model_refuses_what_it_is_not_for_and_says_where_to_go(http):
    messages = [{"role": "user", "content": "hi"}]
    for name, way in (("bert", "/v1/embeddings"), ("ranker", "/v1/rerank")):
        param, message = problem(http.post("/v1/chat/completions", json={"model": name, "messages": messages}))
        assert (param, way in message) == ("model", True)
    param, message = problem(embed(http, model="nano"))
    assert (param, "--embeddings" in message) == ("model", True)
    param, message = problem(embed(http, model="ranker"))
    assert (param, "/v1/rerank" in message) == ("model", True)
    for name in ("bert", "nano"):
        param, message = problem(rerank(http, model=name))
        assert (param, "not a rerank score" in message) == ("model", True)


def rerank(http, path="/v1/rerank", **fields):
    return http.post(path, json={"model": "ranker", "query": "animals", "documents": DOCUMENTS} | fields)


def expected_scores():
    weights = bert_weights(head=1)
    vocabulary = {letter: 7 + 2 * number for number, letter in enumerate("abcdefghijklmnopqrstuvwxyz0123456789")}

    def pieces(text):
        return [vocabulary[letter] + (place > 0) for word in text.split() for place, letter in enumerate(word)]

    return [float(bert_scores(weights, [2, *pieces("animals"), 3, *pieces(text), 3])[0]) for text in DOCUMENTS]


def test_documents_come_best_first_with_the_heads_scores(http):
    for path in ("/v1/rerank", "/rerank"):
        answer = rerank(http, path).json()
        scores = expected_scores()
        order = sorted(range(4), key=lambda index: -scores[index])
        assert [result["index"] for result in answer["results"]] == order
        for result in answer["results"]:
            assert result["relevance_score"] == pytest.approx(scores[result["index"]], abs=5e-3)
            assert "document" not in result
        assert answer["usage"]["total_tokens"] > 40


def test_top_n_and_documents(http):
    answer = rerank(http, top_n=2, return_documents=True, documents=[{"text": text} for text in DOCUMENTS]).json()
    assert len(answer["results"]) == 2
    for result in answer["results"]:
        assert result["document"] == {"text": DOCUMENTS[result["index"]]}
    assert len(rerank(http, top_n=99).json()["results"]) == 4


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ""}, "query"),
        ({"query": None}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": "cats"}, "documents"),
        ({"documents": ["cats", ""]}, "documents[1]"),
        ({"documents": [{"body": "cats"}]}, "documents[0]"),
        ({"documents": ["a"] * 2049}, "documents"),
        ({"documents": ["a", "word " * 100]}, "documents"),
        ({"top_n": 0}, "top_n"),
    ],
)
def test_a_wrong_rerank_is_a_400_that_names_the_field(http, fields, param):
    found, message = problem(rerank(http, **fields))
    assert found is not None
    assert found.startswith(param), message


def test_a_query_is_answered_while_a_large_job_runs(client, http):
    job = threading.Thread(
        target=lambda: client.embeddings.create(model="qwen3", input=["word " * 40] * 400), daemon=True
    )
    job.start()
    wait_for(lambda: http.get("/health").json()["models"]["qwen3"]["num_running"] or not job.is_alive())
    assert embed(http, model="qwen3").status_code == 200
    job.join()


def test_a_chat_model_embeds_where_it_was_asked_to(tmp_path):
    config = EngineConfig(num_threads=1, embeddings=True, pooling="mean")
    plan = EndpointPlan((model(embedded_model(), "nano"),), tmp_path, port=0, engine=config)
    with running_endpoint(plan) as endpoint, httpx2.Client(base_url=endpoint.url, timeout=30) as http:
        assert len(embed(http, model="nano").json()["data"][0]["embedding"]) > 64
        messages = [{"role": "user", "content": "hi"}]
        chat = http.post("/v1/chat/completions", json={"model": "nano", "messages": messages, "max_tokens": 4})
        assert chat.status_code == 200
        assert endpoint.models[0].capabilities == ("chat", "completions", "embeddings")
