import json

import pytest

from fakes.canned_server import canned_server, http
from fakes.endpoints import wait_for
from labkit import errors
from labkit.client import ChatClient, TokenCounts
from labkit.serving.listener import open_listener

MESSAGES = [{"role": "user", "content": "to be or not"}]


def ask(client, text, **options):
    return client.stream("echo", [{"role": "user", "content": text}], **options)


@pytest.fixture
def client(served):
    with ChatClient(served.url) as client:
        yield client


def test_models(client):
    (model,) = client.models()
    assert (model.name, model.context_tokens, model.facts["quantization"]) == ("echo", 4096, "Q8_0")


def test_a_whole_answer(client):
    answer = client.complete("echo", MESSAGES, temperature=0)
    assert (answer.content, answer.finish_reason) == ("to be or not", "stop")
    assert answer.usage == TokenCounts(10, 4, 4)
    assert answer.timings["predicted_n"] == 4


def test_a_stream(client):
    deltas = list(client.stream("echo", MESSAGES))
    assert "".join(delta.content for delta in deltas) == "to be or not"  # what comes at once may be one delta
    assert deltas[-2].finish_reason == "stop"
    assert deltas[-1].usage == TokenCounts(10, 4, 4)


def test_options_that_are_none_are_left_out(client):
    assert list(client.stream("echo", MESSAGES, temperature=None, max_tokens=1))[-2].finish_reason == "length"


def test_closing_a_stream_cancels_the_request(client, served):
    deltas = ask(client, "slow 5000")
    next(deltas)
    deltas.close()
    wait_for(lambda: served.num_running == 0)


def test_tool_calls_come_as_they_are(client):
    calls = [call for delta in ask(client, "tool") for call in delta.tool_calls]
    assert calls[0]["function"]["name"] == "weather"
    assert client.complete("echo", [{"role": "user", "content": "tool"}]).tool_calls[0]["id"] == "call_1"


@pytest.mark.parametrize("stream", [False, True])
def test_errors_come_back_as_what_they_were(client, stream):
    def ask_for(text, model="echo", **options):
        messages = [{"role": "user", "content": text}]
        if stream:
            list(client.stream(model, messages, **options))
        else:
            client.complete(model, messages, **options)

    with pytest.raises(errors.ContextLengthExceededError, match="5000"):
        ask_for("error")
    with pytest.raises(errors.QueueFullError, match="full") as full:
        ask_for("full")
    assert full.value.retry_after_seconds == 7
    with pytest.raises(errors.ModelNotFoundError, match="ecco"):
        ask_for("x", model="ecco")
    with pytest.raises(errors.InvalidRequestError, match="not supported") as invalid:
        ask_for("x", samplers=["top_k"])
    assert (invalid.value.param, invalid.value.code) == ("samplers", "unsupported_parameter")
    with pytest.raises(errors.RequestTooLargeError):
        ask_for("x" * 9_000_000)
    with pytest.raises(errors.ForwardError, match="the forward failed"):
        ask_for("late-error 2")
    with pytest.raises(errors.WorkerDiedError, match="SIGKILL"):
        ask_for("die 1")


def test_nobody_at_the_address_says_what_to_type():
    with open_listener("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with ChatClient(url) as client, pytest.raises(errors.ConnectionFailedError, match=url) as caught:
        client.models()
    assert caught.value.hint == "start an endpoint: labkit serve nano"


def test_a_stream_that_ends_without_a_word_is_an_error():
    chunk = b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'
    with canned_server(http(chunk, "200 OK", "text/event-stream")) as url, ChatClient(url) as client:
        deltas = client.stream("m", MESSAGES)
        assert next(deltas).content == "a"
        with pytest.raises(errors.ConnectionFailedError, match="cut the answer off"):
            next(deltas)


def test_crlf_comments_and_reasoning_of_other_servers_are_understood():
    body = (
        b": comment\r\n\r\ndata: "
        + json.dumps({"choices": [{"delta": {"reasoning": "hm\u2028"}}]}, ensure_ascii=False).encode()
        + b"\r\n\r\ndata: [DONE]\r\n\r\n"
    )
    with canned_server(http(body, "200 OK", "text/event-stream")) as url, ChatClient(url) as client:
        assert [delta.reasoning for delta in client.stream("m", MESSAGES)] == ["hm\u2028"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (http(b"<html>", "200 OK", "text/html"), errors.ConnectionFailedError),
        (http(b"{}"), errors.ConnectionFailedError),
        (http(b"nothing here", "404 Not Found", "text/plain"), errors.InputError),
        (http(b'{"error": "plain text"}', "401 Unauthorized"), errors.RefusedError),
        (http(b"", "500 Internal Server Error"), errors.LabkitError),
        (http(b'{"error": {"message": "later"}}', "503 Service Unavailable"), errors.NotReadyError),
        (b"not http at all\r\n\r\n", errors.ConnectionFailedError),
        (b"", errors.ConnectionFailedError),
    ],
)
def test_other_programs_at_the_address_are_an_error_of_ours(answer, kind):
    with canned_server(answer) as url, ChatClient(url) as client, pytest.raises(kind):
        client.models()


@pytest.mark.parametrize("url", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/", "h:1"])
def test_addresses_with_and_without_v1_are_the_same(url):
    with ChatClient(url) as client:
        assert client.url == "http://h:1"


@pytest.mark.parametrize("url", ["", "ftp://h", "http://"])
def test_what_is_no_address_is_an_input_error(url):
    with pytest.raises(errors.InputError, match="is not an address"):
        ChatClient(url)


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(served, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with ChatClient(served.url) as client:
        assert client.models()
