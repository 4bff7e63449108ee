"""A canary key and a canary prompt, sent through every path, are found nowhere afterwards (T25)."""

import json
import logging
import os
import stat
import sys
from pathlib import Path

import pytest

from fakes.endpoints import fake_endpoint, wait_for
from labkit.access.key_file import KeyFile
from labkit.access.policy import AccessPolicy
from labkit.access.redaction import without_keys
from labkit.serving import plan_endpoint, running_endpoint
from labkit.settings import load_settings

CHAT = "/v1/chat/completions"
PROMPT = "canary-of-the-prompt"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def asked(text, **fields):
    """A question whose verb the fake worker obeys, after a message that nobody may see."""
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": text}]
    return {"model": "echo", "messages": messages, "user": PROMPT} | fields


def files_with(folder, *canaries):
    """Files under a folder that hold one of the words."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".gguf"]
    assert files
    return [(path.name, canary) for path in files for canary in canaries if canary.encode() in path.read_bytes()]


def process_facts(pid):
    """Command line and environment of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()


@pytest.fixture
def keyed(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_API_KEY", "canary-of-the-environment")
    monkeypatch.setenv("HF_TOKEN", "canary-of-the-environment")
    monkeypatch.setenv("LABKIT_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("LABKIT_DEBUG", raising=False)
    access = AccessPolicy(folder=tmp_path / "access", require_key=True)
    _, text = KeyFile(access.keys_path).create("ada")
    with fake_endpoint(tmp_path, access=access) as (endpoint, http):
        http.headers["authorization"] = f"Bearer {text}"
        monkeypatch.setattr(logging.getLogger("labkit"), "level", logging.DEBUG)
        yield endpoint, http, text


def test_no_path_of_the_front_tells_a_secret(keyed, tmp_path, monkeypatch):
    endpoint, http, key = keyed
    secret = key.split("_")[2]
    spoken = []

    def post(path, content, **headers):
        answer = http.post(path, json=content, headers=headers)
        spoken.append(answer.text + repr(answer.headers))
        return answer.status_code

    assert post(CHAT, asked("ok")) == 200
    assert post(CHAT, asked("ok", stream=True)) == 200
    assert post(CHAT, asked("error")) == 400
    assert post(CHAT, asked("late-error 3", stream=True)) == 200
    assert post(CHAT, asked("ok", temperature=PROMPT)) == 400
    assert post(CHAT, asked("ok", model="no such")) == 404
    assert post(CHAT, asked("ok"), **{"content-type": "text/plain"}) == 415
    assert post(CHAT, asked("ok"), host="evil.example") == 403
    assert post(CHAT, asked("ok"), authorization="Bearer " + without_keys(key) + secret) == 401
    assert post(CHAT, asked("ok"), **{"x-api-key": key[:-1] + "x", "authorization": ""}) == 401
    assert post(f"/nowhere?prompt={PROMPT}", asked("ok")) == 404
    assert post(f"{CHAT}?api_key={key}", asked("ok")) == 400
    assert post("/v1/messages", {"model": "echo", "messages": PROMPT}) == 400

    pid = endpoint.worker_pids()["echo"]
    facts = process_facts(pid)
    assert post(CHAT, asked("die 3", stream=True)) == 200
    assert post(CHAT, asked("die 0")) in (502, 503)
    wait_for(lambda: endpoint.worker_pids()["echo"] not in (None, pid))
    wait_for(lambda: post(CHAT, asked("ok")) == 200)
    facts += process_facts(endpoint.worker_pids()["echo"])

    def broken(*_, **__):
        raise ValueError(f"a bug that quotes {PROMPT} and {key}")

    monkeypatch.setattr("labkit.api.routes.chat.parse_chat_call", broken)
    assert post(CHAT, asked("ok")) == 500
    log = tmp_path / "server.log"
    wait_for(lambda: "builtins.ValueError" in log.read_text())

    assert "canary-of-the-environment" not in facts.decode()
    assert not [text for text in spoken if secret in text]
    assert [text for text in spoken if PROMPT in text] == []
    assert files_with(tmp_path, PROMPT, secret, "canary-of-the-environment") == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_files_are_the_user_s_alone(keyed, tmp_path):
    assert keyed[1].post(CHAT, json=asked("ok")).status_code == 200
    kept = [tmp_path / "server.log", *(tmp_path / "access").iterdir(), *tmp_path.glob("worker-*.log")]
    assert len(kept) >= 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


def test_no_path_of_a_real_worker_tells_a_prompt(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_LOG_LEVEL", "DEBUG")
    monkeypatch.delenv("LABKIT_DEBUG", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    settings = load_settings({"LABKIT_HOME": str(tmp_path / "home")})
    import httpx2

    plan = plan_endpoint(["nano"], settings, port=0)
    with running_endpoint(plan) as endpoint, httpx2.Client(base_url=endpoint.url, trust_env=False, timeout=60) as http:
        for extra in (
            {},
            {"stream": True, "logprobs": True},
            {"max_tokens": 10**6},
            {"stop": [PROMPT]},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": PROMPT}}}},
            {"guided_regex": f"({PROMPT}"},
            {"messages": [{"role": "tool", "content": PROMPT}]},
            {"messages": [{"role": "user", "content": f"{PROMPT} " * 2000}]},
        ):
            http.post(CHAT, json=asked("hi") | {"model": "nano", "max_tokens": 4} | extra)
        os.kill(endpoint.worker_pids()["nano"], 9)
        http.post(CHAT, json=asked("hi") | {"model": "nano", "max_tokens": 4})
    names = files_with(tmp_path, PROMPT)
    assert names == [], json.dumps(names)
