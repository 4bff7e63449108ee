import json

import pytest

from fakes.endpoints import body, fake_endpoint
from labkit.cli import app, errors


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with fake_endpoint(tmp_path_factory.mktemp("endpoint")) as (endpoint, http):
        yield endpoint, http


@pytest.fixture
def labkit(endpoint, capsys):
    """Run a command against the endpoint: exit code, stdout, stderr."""

    def run(*arguments):
        code = errors.run(lambda: app.app(["explain", "--url", endpoint[0].url, *arguments]))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_a_request_is_explained(endpoint, labkit):
    answer = endpoint[1].post("/v1/chat/completions", json=body("count 3", user="somebody")).json()
    code, out, _ = labkit(answer["id"])
    assert code == 0
    assert out.startswith(f"{answer['id']}: chat by echo, finished")
    assert "ignored" in out
    assert labkit("--last")[1].startswith(answer["id"])
    assert json.loads(labkit("--last", "--json")[1])["answer_id"] == answer["id"]
    listed = labkit()
    assert answer["id"] in listed[1]
    assert json.loads(labkit("--json", "--limit", "1")[1])[0]["answer_id"] == answer["id"]


def test_what_nobody_remembers_is_said_in_one_line(labkit):
    code, out, err = labkit("no-such-request")
    assert (code, out) == (66, "")
    assert "no request 'no-such-request' is remembered" in err
    assert "labkit explain" in err


def test_two_questions_at_once_are_refused(labkit):
    assert labkit("--last", "some-id")[0] == 2


def test_an_id_is_no_path(labkit):
    assert labkit("../../v1/models")[0] == 66
    assert labkit("a b?c#d")[0] == 66


def test_no_endpoint_is_a_clear_error(capsys):
    code = errors.run(lambda: app.app(["explain", "--url", "http://127.0.0.1:9", "--last"]))
    assert code == 69
    assert "no answer from http://127.0.0.1:9" in capsys.readouterr().err
