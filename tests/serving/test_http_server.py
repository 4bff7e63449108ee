import contextlib
import json
import socket
import time

import pytest

from fakes.endpoints import body, fake_endpoint, wait_for
from labkit.access.policy import AccessPolicy
from labkit.api.body import BodyPace
from labkit.serving.census import Census


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One endpoint for all tests that leave it as it is."""
    with fake_endpoint(tmp_path_factory.mktemp("quick")) as (_, http):
        yield http


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


def ask(http, *parts):
    """Everything that comes back, as the status, the headers and the body."""
    with socket.create_connection(("127.0.0.1", http.base_url.port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower(), content


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nx-filler: " + b"a" * 8200 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: a\r\n" % n for n in range(65)) + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: %s\r\n" % (n, b"a" * 1000) for n in range(17)) + b"\r\n",
        b"GET /" + b"a" * 100_000,  # it does not end: its time is not waited for
        b"GET / HTTP/1.1\r\nx-filler: " + b"a" * 100_000,
    ],
    ids=["url", "line", "fields", "all", "endless url", "endless line"],
)
def test_a_head_that_is_too_large_is_told_so(quick, head):
    status, headers, content = ask(quick, head)
    assert status == 431
    assert "content-security-policy" in headers
    assert json.loads(content)["error"]["code"] == "head_too_large"


def test_the_largest_head_there_may_be_is_fine(quick):
    headers = {f"x-{n}": "a" * 200 for n in range(50)} | {"x-long": "a" * 3000}
    assert quick.get("/health", headers=headers).status_code == 200


def test_what_is_not_http_is_told_so(quick):
    status, _, content = ask(quick, b"\x16\x03\x01 no TLS here\r\n\r\n")
    assert status == 400
    assert json.loads(content)["error"]["code"] == "invalid_http"


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


def test_offers_of_another_protocol_are_not_taken_and_cost_nothing(quick):
    sent = json.dumps(body("all of it\r\nupgrade: me")).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + OFFER
    with socket.create_connection(("127.0.0.1", quick.base_url.port), timeout=20) as connection:
        for _ in range(2):  # the second on the same connection
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(sent) + sent)
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"upgrade: me" in answer


def test_an_offer_that_comes_in_pieces_ends_the_connection_after_its_answer(quick):
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + OFFER + b"\r\n"
    with socket.create_connection(("127.0.0.1", quick.base_url.port), timeout=20) as connection:
        middle = request.index(b"grade: h2c")
        connection.sendall(request[:middle])
        time.sleep(0.2)
        connection.sendall(request[middle:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert closed(connection)


def test_a_body_that_goes_on_after_its_answer_ends_the_connection(quick, monkeypatch):
    monkeypatch.setattr("labkit.serving.http_server.DRAIN_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", quick.base_url.port), timeout=20) as connection:
        connection.sendall(HEAD + b"Content-Length: 99999999\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")
        with contextlib.suppress(ConnectionError):
            for _ in range(2000):
                connection.sendall(b" ")
                time.sleep(0.01)
            raise AssertionError("it is still open")


def test_a_connection_is_used_again_after_an_early_answer(quick):
    with socket.create_connection(("127.0.0.1", quick.base_url.port), timeout=20) as connection:
        for _ in range(3):
            connection.sendall(HEAD + b"Content-Length: 2000000\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 413")
            connection.sendall(b" " * 2_000_000)


def test_who_asks_before_sending_is_refused_unsent(quick):
    status, _, _ = ask(quick, HEAD + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
    assert status == 413


def test_a_slow_body_is_refused(quick, monkeypatch):
    monkeypatch.setattr("labkit.serving.http_server.DRAIN_SECONDS", 0.1)
    monkeypatch.setattr(BodyPace, "deadline", lambda _, num_bytes: 0.2)
    status, _, content = ask(quick, HEAD + b"Content-Length: 100\r\n\r\n{")
    assert status == 400
    assert json.loads(content)["error"]["code"] == "slow_body"


def test_a_client_that_reads_nothing_is_cut_off(start, monkeypatch):
    monkeypatch.setattr("labkit.serving.http_server.STALL_SECONDS", 1.0)
    endpoint, http = start()
    payload = json.dumps(body("flood 4000", stream=True)).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", http.base_url.port))
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(payload) + payload)
        wait_for(lambda: endpoint.num_running)
        wait_for(lambda: not endpoint.num_running)
        with contextlib.suppress(ConnectionError):  # cut, not ended
            connection.settimeout(20)
            answer = b""
            while data := connection.recv(65536):
                answer += data
            assert b"[DONE]" not in answer


def test_connections_have_a_bound(tmp_path):
    with fake_endpoint(tmp_path, access=AccessPolicy(max_connections=3)) as (_, http), contextlib.ExitStack() as open_:
        address = ("127.0.0.1", http.base_url.port)
        for _ in range(3):
            open_.enter_context(socket.create_connection(address))
        status, headers, content = ask(http, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (status, json.loads(content)["error"]["type"]) == (503, "server_error")
        assert "retry-after: 1" in headers
        open_.close()
        wait_for(lambda: http.get("/health").status_code == 200)


def test_addresses_are_counted_apart_and_this_machine_s_own_not_at_all():
    census = Census(most=10, most_per_address=2)
    for address in ("127.0.0.1",) * 3 + ("10.0.0.1",) * 2 + ("fd00::1", "fd00::2"):
        assert census.has_room(address)
        census.enter(address)
    assert not census.has_room("10.0.0.1")
    assert not census.has_room("fd00::3")  # one customer has all of these
    assert not census.has_room("::ffff:10.0.0.1")
    assert census.has_room("10.0.0.2")
    assert census.has_room("fd00:0:0:1::1")
    census.leave("10.0.0.1")
    assert census.has_room("10.0.0.1")
    for _ in range(4):
        census.enter("::1")
    assert not census.has_room("::1")
    assert not census.is_flooded
    for _ in range(10):
        census.enter("127.0.0.1")
    assert census.is_flooded
