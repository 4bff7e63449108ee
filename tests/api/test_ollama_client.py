"""The real ollama client against real workers, and a fake one where the text matters."""

import asyncio
import json
from dataclasses import replace

import httpx2
import ollama
import pytest

from fakes.embedding_models import write_tiny_bert
from fakes.endpoints import served_model, wait_for
from labkit.engine.types import EngineConfig
from labkit.resources import embedded_model
from labkit.serving import EndpointPlan, running_endpoint

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
HELLO = [{"role": "user", "content": "Hello!"}]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    nano = served_model(embedded_model(), "nano")
    guest = replace(nano, ref=replace(nano.ref, name="guest"), stays=False)
    models = (nano, served_model(write_tiny_bert(folder / "bert.gguf")), guest)
    plan = EndpointPlan(models, folder, port=0, engine=EngineConfig(num_threads=1))
    with running_endpoint(plan) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def client(endpoint):
    client = ollama.Client(host=endpoint.url, trust_env=False)
    yield client
    client.close()


@pytest.fixture
def echo(served):
    """A client of the fake worker, which says its last message back."""
    client = ollama.Client(host=served[0].url, trust_env=False)
    yield client
    client.close()


def say(client, text, **fields):
    return client.chat("echo", [{"role": "user", "content": text}], **fields)


def test_a_whole_answer_has_figures(client):
    answer = client.chat("nano", HELLO, options={"temperature": 0})
    assert answer.message.content
    assert (answer.model, answer.done, answer.done_reason) == ("nano", True, "stop")
    assert answer.prompt_eval_count > 0
    assert answer.eval_count > 0
    assert 0 < answer.eval_duration < answer.total_duration


def test_a_stream_gives_the_same_text(client):
    whole = client.chat("nano:latest", HELLO, options={"temperature": 0}).message.content
    parts = list(client.chat("nano:latest", HELLO, options={"temperature": 0}, stream=True))
    assert "".join(part.message.content for part in parts) == whole
    assert [part.done for part in parts[:-1]] == [False] * (len(parts) - 1)
    assert parts[-1].done_reason == "stop"
    assert len(parts) >= 2  # text may come in one piece where the reader is slow


def test_the_asynchronous_client(endpoint):
    async def texts():
        client = ollama.AsyncClient(host=endpoint.url, trust_env=False)
        try:
            whole = await client.generate("nano", "Hello!", options={"temperature": 0})
            stream = await client.generate("nano", "Hello!", options={"temperature": 0}, stream=True)
            return whole.response, "".join([part.response async for part in stream])
        finally:
            await client._client.aclose()

    whole, streamed = asyncio.run(texts())
    assert whole == streamed != ""


def test_lengths_and_stops(client):
    cut = client.generate("nano", "Hello!", options={"num_predict": 3, "temperature": 0})
    assert (cut.eval_count, cut.done_reason) == (3, "length")
    whole = client.generate("nano", "Hello!", options={"temperature": 0}).response
    stopped = client.generate("nano", "Hello!", options={"temperature": 0, "stop": [whole[3:5]]})
    assert (stopped.response, stopped.done_reason) == (whole[: whole.index(whole[3:5])], "stop")


def test_a_seed_gives_the_same_text_again(client):
    options = {"seed": 7, "temperature": 2, "num_predict": 20}
    first, second = (client.generate("nano", "Hello!", options=options).response for _ in range(2))
    assert first == second


def test_a_format_is_held_to(client):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 10}, "age": {"type": "integer", "maximum": 99}},
        "required": ["name", "age"],
    }
    answer = client.chat("nano", HELLO, format=schema, options={"num_predict": 200})
    assert set(json.loads(answer.message.content)) == {"name", "age"}
    raw = client.generate("nano", "{", raw=True, format=schema, options={"num_predict": 200})
    assert set(json.loads(raw.response)) == {"name", "age"}


def test_logprobs(client):
    answer = client.chat("nano", HELLO, logprobs=True, top_logprobs=2, options={"num_predict": 2})
    assert len(answer.logprobs) == 2
    assert all(entry.logprob <= 0 and len(entry.top_logprobs) == 2 for entry in answer.logprobs)


def test_a_tool_call_is_an_object(client):
    messages = [{"role": "user", "content": "What is the weather in Oslo?"}]
    answer = client.chat("nano", messages, tools=[WEATHER], options={"temperature": 0})
    (call,) = answer.message.tool_calls
    assert call.function.name == "get_weather"
    assert call.function.arguments == {"city": "Oslo"}
    messages += [answer.message, {"role": "tool", "tool_name": "get_weather", "content": '{"sky": "clear"}'}]
    assert client.chat("nano", messages, tools=[WEATHER], options={"temperature": 0}).message.content


def test_a_streamed_tool_call_comes_whole(echo):
    parts = list(say(echo, "tool", tools=[WEATHER], stream=True))
    (calls,) = [part.message.tool_calls for part in parts if part.message.tool_calls]
    assert (calls[0].function.name, calls[0].function.arguments) == ("weather", {"city": "Oslo"})
    assert (parts[-1].done, parts[-1].done_reason) == (True, "stop")


def test_embeddings(client):
    answer = client.embed("bert", ["one", "two"])
    assert len(answer.embeddings) == 2
    assert sum(number**2 for number in answer.embeddings[0]) == pytest.approx(1, abs=1e-5)
    assert answer.prompt_eval_count > 0
    one = client.embed("bert", "one", dimensions=4)
    assert [len(vector) for vector in one.embeddings] == [4]
    old = client.embeddings("bert", "one").embedding
    length = sum(number**2 for number in old) ** 0.5
    assert [number / length for number in old] == pytest.approx(answer.embeddings[0], abs=1e-5)
    assert client.embed("bert", "").embeddings == []


def test_inputs_are_cut_only_where_that_is_asked_for(client):
    long = "word " * 5000
    with pytest.raises(ollama.ResponseError, match="context length"):
        client.embed("bert", long)
    cut, short = client.embed("bert", [long, "word"], truncate=True).embeddings
    assert len(cut) == len(short)
    assert cut != short


def test_what_there_is(client):
    assert [model.model for model in client.list().models] == ["nano", "bert", "guest"]
    assert client.list().models[0].details.quantization_level == "Q8_0"
    assert set(running(client)) == {"nano", "bert"}
    assert running(client)["nano"].context_length > 0


def test_show(client):
    nano, bert = client.show("nano:latest"), client.show("bert")
    assert "{%" in nano.template
    assert nano.capabilities == ["completion", "tools"]
    assert "completion" not in bert.capabilities
    assert "embedding" in bert.capabilities
    assert nano.modelinfo["general.parameter_count"] > 1_000_000
    assert nano.details.format == "gguf"


def test_loading_ahead(client):
    loaded = client.generate("nano", keep_alive="5m")
    assert (loaded.response, loaded.done, loaded.done_reason) == ("", True, "load")
    assert client.chat("nano", []).done_reason == "load"
    assert client.generate("nano", keep_alive=0).done_reason == "unload"
    assert "nano" not in running(client)
    back = client.generate("nano", "Hello!")  # it comes back by itself
    assert back.done_reason == "stop"
    assert back.load_duration > 1_000_000


def test_keep_alive_says_how_long_a_model_stays(client):
    assert client.generate("guest", "Hello!", keep_alive=0).done_reason == "stop"
    wait_for(lambda: "guest" not in running(client))
    client.generate("guest", keep_alive="5m")
    assert running(client)["guest"].expires_at.year < 9999
    client.generate("guest", keep_alive=-1)
    assert running(client)["guest"].expires_at.year == 9999
    client.generate("guest", keep_alive=0)


def running(client):
    return {model.model: model for model in client.ps().models}


def test_errors_have_ollamas_form(echo, client):
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError, match="5000 tokens") as caught:
            list(say(echo, "error", stream=stream))
        assert caught.value.status_code == 400
    with pytest.raises(ollama.ResponseError, match="did you mean nano") as caught:
        client.chat("nanoo", HELLO)
    assert caught.value.status_code == 404
    for wrong in ({"options": {"mirostat": 1}}, {"think": "hard"}, {"options": {"num_ctx": 10**6}}):
        with pytest.raises(ollama.ResponseError, match=next(iter(wrong.get("options", wrong)))) as caught:
            client.chat("nano", HELLO, **wrong)
        assert caught.value.status_code == 400


def test_an_error_in_mid_stream_is_the_end(echo):
    text = ""
    with pytest.raises(ollama.ResponseError, match="the forward failed"):  # noqa: PT012  # each part may be the last
        for part in say(echo, "late-error 3", stream=True):
            text += part.message.content
    assert text == "sososo"


@pytest.mark.parametrize(
    ("ask", "command"),
    [
        (lambda client: client.pull("qwen3"), "labkit pull"),
        (lambda client: client.push("nano"), "labkit bundle"),
        (lambda client: client.create("mine", from_="nano"), "labkit serve"),
        (lambda client: client.copy("nano", "mine"), "labkit serve"),
        (lambda client: client.delete("nano"), "labkit rm"),
    ],
)
def test_what_clients_may_not_do_says_what_does_it(client, ask, command):
    with pytest.raises(ollama.ResponseError, match=command) as caught:
        ask(client)
    assert caught.value.status_code == 403


def test_the_ignored_are_named(endpoint):
    body = {"model": "nano", "prompt": "Hello!", "stream": False, "options": {"num_gpu": 99}}
    with httpx2.Client(base_url=endpoint.url, trust_env=False) as http:
        assert http.post("/api/generate", json=body).headers["x-labkit-ignored"] == "options.num_gpu"
        refused = http.post("/api/generate", json=body, headers={"x-labkit-strict": "1"})
        assert (refused.status_code, list(refused.json())) == (400, ["error"])
        stream = http.post("/api/generate", json=body | {"stream": None})
        assert stream.headers["content-type"] == "application/x-ndjson"
        assert http.head("/").status_code == 200
        assert "running" in http.get("/").text
        assert http.get("/api/version").json()["version"].count(".") == 2


def test_a_client_that_leaves_frees_its_slot(echo, served):
    stream = say(echo, "slow 1000", stream=True)
    next(stream)
    stream.close()
    wait_for(lambda: served[0].num_running == 0)
