"""`labkit serve` with the model that comes along: what a person sees, and what programs get."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys

import httpx2
import psutil
import pytest

from fakes.embedding_models import write_tiny_bert
from fakes.endpoints import body, wait_for
from fakes.gguf_writer import write_tiny_llama

COMMAND = [sys.executable, "-m", "labkit", "serve"]


@pytest.fixture
def environment(tmp_path):
    return {**os.environ, "LABKIT_HOME": str(tmp_path / "home")}


@contextlib.contextmanager
def serving(environment, *options):
    process = subprocess.Popen(
        [*COMMAND, *options, "--threads", "1"],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def read_until(stream, text, *, whole_line=False):
    lines = []
    while not lines or not (lines[-1] == text if whole_line else text in lines[-1]):
        lines.append(stream.readline())
        assert lines[-1], "".join(lines)
    return "".join(lines)


def failed(environment, *options):
    return subprocess.run([*COMMAND, *options], env=environment, capture_output=True, text=True, check=False)


def test_start_up_says_what_is_served_and_a_command_to_copy_that_works(environment):
    with serving(environment, "nano", "--port", "0", "--ctx", "1024", "--slots", "2") as process:
        said = read_until(process.stderr, "  curl ")
        assert "loading nano (Q8_0, " in said
        assert "1,024 tokens of context, 2 slots" in said
        assert "listening on http://127.0.0.1:" in said
        command = said.splitlines()[-1]
        answer = subprocess.run(
            command, shell=True, capture_output=True, text=True, check=True, env={**os.environ, "no_proxy": "*"}
        )
        assert json.loads(answer.stdout)["choices"][0]["finish_reason"] in ("stop", "length")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert process.stdout.read() == ""


def test_an_embedding_model_says_how_to_ask_it(environment, tmp_path):
    path = write_tiny_bert(tmp_path / "little-bert.gguf")
    with serving(environment, str(path), "--port", "0", "--pooling", "cls") as process:
        said = read_until(process.stderr, "  curl ")
        assert "64 tokens of context, 64 numbers in a vector" in said
        answer = subprocess.run(
            said.splitlines()[-1], shell=True, capture_output=True, text=True, check=True,
            env={**os.environ, "no_proxy": "*"},
        )  # fmt: skip
        assert [len(item["embedding"]) for item in json.loads(answer.stdout)["data"]] == [64, 64]


def test_json_gives_programs_the_address_and_the_worker_is_the_real_one(environment):
    with serving(environment, "nano", "--port", "0", "--json") as process:
        ready = json.loads(read_until(process.stdout, "}\n", whole_line=True))
        assert ready["models"][0]["name"] == "nano"
        with httpx2.Client(base_url=ready["url"], timeout=60, trust_env=False) as http:
            model = http.get("/v1/models/labkit-nano").json()
            assert (model["license"], model["quantization"]) == ("apache-2.0", "Q8_0")
            request = body("What is 2+3?", "nano", temperature=0, max_tokens=5, stream=True)
            events = http.post("/v1/chat/completions", json=request).content.split(b"\n\n")
            assert events[-2] == b"data: [DONE]"
            (worker,) = psutil.Process(process.pid).children()
            worker.kill()
            wait_for(lambda: http.get("/health").json()["models"]["nano"]["num_restarts"] == 1)
            request = body("What is 2+3?", "nano", temperature=0, max_tokens=5)
            assert http.post("/v1/chat/completions", json=request).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


def test_a_port_in_use_is_told_before_anything_is_loaded(environment, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = failed(environment, "nano", "--port", str(port))
    assert result.returncode == 71
    assert f"port {port} on 127.0.0.1 is in use" in result.stderr
    assert "loading" not in result.stderr
    assert "--port 0" in result.stderr
    assert not list((tmp_path / "home" / "logs").glob("worker*"))


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["nanoo"], 66, "did you mean"),
        (["nano", "--host", "0.0.0.0"], 77, "there is no API key yet"),
        (["nano", "--port", "65536"], 2, "--port"),
        (["nano", "--ctx", "1"], 2, "--ctx"),
        (["nano", "nano"], 2, "named twice"),
        (["nano", "--alias", "gpt=nanoo"], 66, "did you mean"),
        (["nano", "--alias", "gpt"], 2, "--alias NAME=MODEL"),
        (["nano", "--memory-limit", "1MiB"], 71, "1.0 MiB are free"),
        (["nano", "--keep-alive", "soon"], 2, "'soon' is no duration"),
    ],
)
def test_what_cannot_be_served_says_why(environment, options, code, text):
    result = failed(environment, *options)
    assert result.returncode == code
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_is_no_model_is_refused_by_the_front(environment, tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF but not really")
    result = failed(environment, str(path), "--port", "0")
    assert result.returncode == 65
    assert "error:" in result.stderr


def test_a_file_that_only_the_core_refuses_ends_with_its_reason(environment, tmp_path):
    path = write_tiny_llama(tmp_path / "odd.gguf", **{"tokenizer.chat_template": "{% if %}"})
    result = failed(environment, str(path), "--port", "0", "--threads", "1")
    assert result.returncode in (65, 70)
    assert "error:" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--disk-cache", "much"), "'much' is not a size"),
        (("--adapter", "sql=nowhere.gguf"), "--adapter NAME=FILE.gguf"),
        (("--speculation", "draft"), "--draft-model"),
        (("--draft-model", "nowhere.gguf"), "nowhere.gguf"),
        (("--audit-share", "2"), "--audit-share"),
    ],
)
def test_an_option_that_cannot_be_meant_says_what_to_type(environment, options, said):
    result = failed(environment, "nano", "--port", "0", *options)
    assert result.returncode != 0
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_prefix_on_disk_is_found_after_a_restart(environment, tmp_path):
    options = ("nano", "--port", "0", "--disk-cache", "64MiB", "--disk-cache-folder", str(tmp_path / "cells"))
    cached = []
    for _ in range(2):
        with serving(environment, *options) as process:
            url = read_until(process.stderr, "listening on ").splitlines()[-1].split()[2]
            text = "What is labkit? " * 30
            answer = httpx2.post(f"{url}/v1/chat/completions", json=body(text, "nano", max_tokens=4), timeout=60)
            cached.append(answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"])
            process.send_signal(signal.SIGINT)
            process.wait(30)
    assert cached[0] == 0
    assert cached[1] > 0
