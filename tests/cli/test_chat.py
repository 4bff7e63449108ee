"""`labkit chat` as a person and a script use it, against a fake worker; once with the embedded model."""

import json
import os
import subprocess
import sys

import pytest

from fakes.endpoints import fake_endpoint
from fakes.terminal import at_terminal

COMMAND = [sys.executable, "-m", "labkit", "chat"]
CTRL_C, CTRL_D, UP = "\x03", "\x04", "\x1b[A"
needs_terminal = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with fake_endpoint(tmp_path_factory.mktemp("served"), "echo", "other") as (endpoint, _):
        yield endpoint.url


@pytest.fixture
def environment(tmp_path):
    return {**os.environ, "LABKIT_HOME": str(tmp_path), "LABKIT_PORT": "1", "TERM": "dumb"}


def piped(environment, text, *options):
    return subprocess.run(
        [*COMMAND, *options], input=text, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def terminal(environment, url):
    with at_terminal([*COMMAND, "--url", url], environment) as terminal:
        terminal.read_until("> ")
        yield terminal


def say(terminal, text, expected):
    terminal.type(f"{text}\n")
    seen = terminal.read_until(expected)
    return seen + terminal.read_until("\r\n> ")


def test_a_pipe_asks_one_question_per_line_and_gets_only_answers_on_stdout(environment, url):
    result = piped(environment, "to be\n\nor not to be\n/etc/passwd is a file\n", "--url", url)
    assert result.stdout == "to be\nor not to be\n/etc/passwd is a file\n"
    assert result.stderr.count("first token after") == 3
    assert result.returncode == 0


def test_json_has_the_figures(environment, url):
    result = piped(environment, "to be\nor not\n", "--url", url, "--json")
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert (first["question"], first["answer"], second["answer"]) == ("to be", "to be", "or not")
    assert (first["completion_tokens"], first["prompt_tokens"], first["cached_tokens"]) == (2, 10, 4)
    assert first["ttft_seconds"] > 0


def test_commands_work_in_a_pipe_too(environment, url):
    result = piped(environment, "one\n/model other\ntwo\n/exit\nthree\n", "--url", url)
    assert result.stdout == "one\ntwo\n"
    assert "now talking to other" in result.stderr


def test_an_error_in_a_pipe_ends_with_its_exit_code_and_hint(environment, url):
    result = piped(environment, "fine\nerror\nnever\n", "--url", url)
    assert result.stdout == "fine\n"
    assert "error: the prompt has 5000 tokens" in result.stderr
    assert result.returncode == 2


def test_nobody_at_the_address(environment):
    result = piped(environment, "x\n", "--url", "http://127.0.0.1:1")
    assert result.returncode == 69
    assert "labkit serve nano" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_model_the_endpoint_does_not_serve(environment, url):
    result = piped(environment, "x\n", "ecco", "--url", url)
    assert result.returncode == 66
    assert "serves echo, other" in result.stderr


def test_the_endpoint_at_the_default_address_is_used(environment, url):
    environment["LABKIT_PORT"] = url.rpartition(":")[2]
    assert f"other at {url}" in piped(environment, "hi\n", "other").stderr
    assert piped(environment, "hi\n").stdout == "hi\n"


def test_without_an_endpoint_the_chat_brings_its_own(environment, tmp_path):
    result = piped(environment, "hello\n", "nano", "--max-tokens", "2", "--temperature", "0")
    assert (result.returncode, result.stderr.splitlines()[0]) == (
        0,
        "nano in this terminal (/help, Ctrl-D leaves)",
    )
    assert result.stdout.strip()
    assert "2 tokens" in result.stderr


def test_a_data_folder_that_cannot_be_written_is_told(environment, tmp_path):
    blocker = tmp_path / "file"
    blocker.touch()
    result = piped({**environment, "LABKIT_HOME": str(blocker / "x")}, "hello\n", "nano")
    assert result.returncode == 73
    assert "cannot write to the data folder" in result.stderr


@needs_terminal
def test_a_person_asks_and_leaves_with_ctrl_d(terminal):
    seen = say(terminal, "to be or not", "]")
    assert "to be or not\r\n" in seen
    assert "first token after" in seen
    terminal.type(CTRL_D)
    assert terminal.wait() == 0


@needs_terminal
def test_ctrl_c_stops_the_answer_and_not_the_chat(terminal):
    terminal.type("slow 5000\n")
    terminal.read_until(" 4 5")
    terminal.type(CTRL_C)
    terminal.read_until("(stopped; Ctrl-D or /exit leaves)")
    terminal.read_until("> ")
    terminal.type("half a line" + CTRL_C)
    terminal.read_until("(stopped")
    terminal.read_until("> ")
    say(terminal, "still here", "still here\r\n")
    terminal.type("/exit\n")
    assert terminal.wait() == 0


@needs_terminal
def test_several_lines_in_both_ways(terminal):
    terminal.type("one\\\n")
    terminal.read_until("\r\n. ")
    assert "one\r\ntwo\r\n" in say(terminal, "two", "[")
    terminal.type('"""three\n')
    terminal.read_until("\r\n. ")
    assert "three\r\nfour\r\n" in say(terminal, 'four"""', "[")


@needs_terminal
def test_commands(terminal):
    assert "/retry" in say(terminal, "/help", "Ctrl-C stops an answer.")
    assert "nothing was asked yet" in say(terminal, "/retry", "error: ")
    say(terminal, "again please", "]")
    assert "again please\r\n" in say(terminal, "/retry", "]")
    say(terminal, "/system be brief", "starts over")
    assert "be brief" in say(terminal, "/system", "\r\n")
    assert "* echo" in say(terminal, "/model", "other")
    say(terminal, "/model other", "now talking to other")
    say(terminal, "/model nobody", "error: there is no model named 'nobody'")
    say(terminal, "/temperature 0.5", "temperature is 0.5")
    say(terminal, "/temperature hot", "error: 'hot' is not a number")
    say(terminal, "/max-tokens 1", "max_tokens is 1")
    assert "cut: no room for more tokens" in say(terminal, "one two", "]")
    say(terminal, "/clear", "cleared")
    say(terminal, "/nonsense", "error: there is no command /nonsense")


@needs_terminal
def test_an_error_is_told_and_the_chat_goes_on(terminal):
    say(terminal, "error", "error: the prompt has 5000 tokens")
    say(terminal, "die 2", "killed by SIGKILL")
    say(terminal, "fine again", "fine again\r\n")


@needs_terminal
def test_what_a_model_writes_cannot_steer_the_terminal(terminal):
    assert "\x07" not in say(terminal, "\x16\x1b]0;title\x16\x07 bell", "]").split("\r\n", 1)[1]


@needs_terminal
def test_history_is_kept_privately_and_can_be_forgotten(environment, url, tmp_path):
    history = tmp_path / "chat_history"
    for _ in range(2):
        with at_terminal([*COMMAND, "--url", url], environment) as terminal:
            terminal.read_until("> ")
            say(terminal, "remember me", "]")
            terminal.type(CTRL_D)
            assert terminal.wait() == 0
        assert "remember me" in history.read_text()
        assert history.stat().st_mode & 0o077 == 0
    with at_terminal([*COMMAND, "--url", url], environment) as terminal:
        terminal.read_until("> ")
        terminal.type(UP)
        terminal.read_until("remember me")
        terminal.type("\n")
        terminal.read_until("\r\n> ")
        say(terminal, "/forget", "the history is deleted")
        assert not history.exists()
        terminal.type(CTRL_D)
        terminal.wait()
    assert "remember" not in history.read_text()
