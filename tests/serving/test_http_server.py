import contextlib
import socket

import httpx2
import pytest

from fakes.endpoints import body


@pytest.fixture
def impatient(start, monkeypatch):
    monkeypatch.setattr("labkit.serving.http_server.HEAD_SECONDS", 0.3)
    return start()


def closed(connection):
    """Waits for the other side to hang up."""
    connection.settimeout(20)
    while connection.recv(65536):
        pass
    return True


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: local"])
def test_a_request_head_that_does_not_come_closes_the_connection(impatient, sent):
    with socket.create_connection(("127.0.0.1", impatient[1].base_url.port)) as connection:
        connection.sendall(sent)
        assert closed(connection)


def test_a_second_head_on_the_same_connection_has_a_deadline_too(impatient):
    with socket.create_connection(("127.0.0.1", impatient[1].base_url.port)) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /hea")
        assert closed(connection)


def test_long_answers_and_reused_connections_are_not_cut(impatient):
    _, http = impatient
    for _ in range(2):
        answer = http.post("/v1/chat/completions", json=body("slow 30", stream=True))
        assert answer.content.endswith(b"data: [DONE]\n\n")


def test_a_giant_head_is_refused(start):
    _, http = start()
    try:
        status = http.get("/health", headers={"x-filler": "a" * 200_000}).status_code
    except httpx2.TransportError:  # closed before all of it was sent: as good
        status = 400
    assert status == 400


@pytest.mark.parametrize("head", [b"GET /" + b"a" * 100_000, b"GET /health HTTP/1.1\r\nx-filler: " + b"a" * 100_000])
def test_a_head_that_does_not_end_is_refused_before_its_time_is_up(start, head):
    _, http = start()
    with socket.create_connection(("127.0.0.1", http.base_url.port)) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(head)
        connection.settimeout(5)
        with contextlib.suppress(ConnectionError):
            assert connection.recv(65536).startswith(b"HTTP/1.1 400")


def test_many_headers_that_are_long_together_are_refused(start):
    _, http = start()
    try:
        status = http.get("/health", headers={f"x-filler-{n}": "a" * 1000 for n in range(40)}).status_code
    except httpx2.TransportError:
        status = 400
    assert status == 400
