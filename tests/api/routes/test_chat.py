"""What is seen on the wire, byte by byte."""

import json
import socket

from fakes.endpoints import body, wait_for

URL = "/v1/chat/completions"


def test_event_stream_bytes(http):
    response = http.post(URL, json=body("count 2", stream=True))
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert b"\r" not in response.content
    events = response.content.split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    assert all(event.startswith(b"data: {") for event in events[:-2])
    assert len(events) in (4, 5)  # two tokens (in one event, if they came together), finish, done, nothing
    assert b'"content":"0' in events[0]


def test_ignored_fields_are_named_in_a_header(http):
    response = http.post(URL, json=body("x", user="me", colour="red"))
    assert response.status_code == 200
    assert response.headers["x-labkit-ignored"] == "colour, user"
    assert http.post(URL, json=body("x", stream=True, user="me")).headers["x-labkit-ignored"] == "user"
    strict = http.post(URL, json=body("x", user="me"), headers={"x-labkit-strict": "1"})
    assert (strict.status_code, strict.json()["error"]["param"]) == (400, "user")


def test_broken_json_is_refused_with_its_place(http):
    response = http.post(URL, content=b'{"model": "echo",}', headers={"content-type": "application/json"})
    error = response.json()["error"]
    assert response.status_code == 400
    assert "line 1, column 18" in error["message"]
    assert error["type"] == "invalid_request_error"


def test_a_body_of_100_mb_gets_a_clear_answer(http):
    response = http.post(URL, content=b" " * 100_000_000, headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert "1048576 bytes" in response.json()["error"]["message"]


def test_foreign_hosts_origins_and_contents_are_refused_on_every_route(http):
    for method, path in (("GET", "/v1/models"), ("GET", "/health"), ("POST", URL), ("GET", "/nowhere")):
        assert http.request(method, path, headers={"host": "evil.example"}).status_code == 403
        assert http.request(method, path, headers={"origin": "https://evil.example"}).status_code == 403
    assert http.post(URL, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415


def test_no_answer_allows_other_origins_or_names_the_server(http):
    for response in (http.get("/v1/models"), http.options(URL), http.post(URL, json=body("x"))):
        names = {name.lower() for name in response.headers}
        assert not any(name.startswith("access-control") for name in names)
        assert "server" not in names
        assert response.headers["x-request-id"].startswith("req-")


def test_unknown_paths_and_methods_get_the_envelope(http):
    missing, wrong = http.get("/v1/nothing"), http.get(URL)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown_url")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    for path in ("/docs", "/redoc"):
        assert http.get(path).status_code == 404


def test_a_client_that_leaves_before_the_first_token_frees_its_slot(served):
    endpoint, http = served
    content = json.dumps(body("silent")).encode()
    head = f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    for stream in (False, True):
        content = json.dumps(body("silent", stream=stream)).encode()
        with socket.create_connection(("127.0.0.1", http.base_url.port)) as connection:
            connection.sendall(head.encode() + f"{len(content)}\r\n\r\n".encode() + content)
            wait_for(lambda: endpoint.num_running == 1)
        wait_for(lambda: endpoint.num_running == 0)


def test_a_whole_answer_that_is_abandoned_frees_its_slot(served):
    endpoint, http = served
    content = json.dumps(body("slow 1000")).encode()
    head = f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", http.base_url.port)) as connection:
        connection.sendall(head.encode() + f"Content-Length: {len(content)}\r\n\r\n".encode() + content)
        wait_for(lambda: endpoint.num_running == 1)
    wait_for(lambda: endpoint.num_running == 0)
