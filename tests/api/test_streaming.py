import json
import socket

from fakes.endpoints import body, fake_endpoint, wait_for
from labkit.api import streaming


def ask(port, text):
    content = json.dumps(body(text, stream=True)).encode()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
    connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + content)
    return connection


def test_silence_is_broken_by_pings_and_the_stream_starts_without_a_token(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "PING_SECONDS", 0.1)
    monkeypatch.setattr(streaming, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr("labkit.api.asking.FIRST_DELTA_PATIENCE_SECONDS", 0.1)
    with fake_endpoint(tmp_path) as (endpoint, http), ask(http.base_url.port, "silent") as connection:
        seen = b""
        while seen.count(b": ping\n\n") < 2:
            seen += connection.recv(4096)
        assert seen.startswith(b"HTTP/1.1 200 OK")
        connection.close()
        wait_for(lambda: endpoint.num_running == 0)


def test_an_early_error_that_comes_late_is_an_event(tmp_path, monkeypatch):
    monkeypatch.setattr("labkit.api.asking.FIRST_DELTA_PATIENCE_SECONDS", 0.0)
    with fake_endpoint(tmp_path) as (_, http):
        response = http.post("/v1/chat/completions", json=body("error", stream=True))
    assert response.status_code == 200
    assert json.loads(response.content.removeprefix(b"data: "))["error"]["code"] == "context_length_exceeded"


def test_a_client_that_reads_nothing_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "WRITE_SECONDS", 0.3)
    monkeypatch.setattr(streaming, "WATCH_SECONDS", 0.1)
    with fake_endpoint(tmp_path) as (endpoint, http), ask(http.base_url.port, "flood 4000") as connection:
        wait_for(lambda: endpoint.num_running == 1)
        wait_for(lambda: endpoint.num_running == 0)
        seen = b""
        while part := connection.recv(65536):
            seen += part
    assert not seen.endswith(b"0\r\n\r\n")  # the end of a whole chunked answer
