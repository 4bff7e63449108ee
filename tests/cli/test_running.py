"""`labkit ps`, `stop`, `logs`, `config` and `service`, beside an endpoint that really runs."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from fakes.endpoints import body, wait_for
from labkit.cli import errors
from labkit.cli.app import app

LABKIT = [sys.executable, "-m", "labkit"]
CONFIG = """
keep_alive = "10m"
aliases = {gpt = "nano"}

[[models]]
name = "nano"
engine = {ctx = 256, slots = 2, threads = 1}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return {**os.environ, "LABKIT_HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "COLUMNS": "200"}


@pytest.fixture(scope="module")
def url(environment, tmp_path_factory):
    """An endpoint with a configuration file; the last test stops it."""
    path = tmp_path_factory.mktemp("config") / "labkit.toml"
    path.write_text(CONFIG)
    command = [*LABKIT, "serve", "--port", "0", "--config", str(path), "--json"]
    process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = []
    while not lines or lines[-1] != "}\n":
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    yield json.loads("".join(lines))["url"]
    process.kill()
    process.communicate(timeout=60)


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def labkit(environment, monkeypatch, capsys):
    """Runs a command in this process: a dozen interpreters would take longer than all the rest."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments):
        capsys.readouterr()
        code = errors.run(lambda: app(args=list(arguments), prog_name="labkit"))
        return Done(code, *capsys.readouterr())

    return run


def rows(labkit):
    (endpoint,) = json.loads(labkit("ps", "--json").stdout)
    return endpoint, {row["name"]: row for row in endpoint["models"]}


def test_ps_shows_what_runs_and_what_is_in_memory(labkit, url):
    endpoint, models = rows(labkit)
    assert (endpoint["url"], endpoint["answers"]) == (url, True)
    assert models["nano"]["state"] == "unloaded"
    assert "token" not in json.dumps(endpoint)
    said = labkit("ps").stdout
    assert url in said
    assert "1 more can be asked for, and is not loaded" in said
    answer = httpx2.post(f"{url}/v1/chat/completions", json=body("Hi", "gpt", max_tokens=2), timeout=60)
    assert answer.status_code == 200
    said = labkit("ps").stdout
    assert "ready" in said
    assert "0/2" in said  # the file's slots
    assert re.search(r"in (9|10) min", said)  # the file's keep_alive


def test_a_model_is_unloaded_by_any_of_its_names_and_loaded_again_when_it_is_asked_for(labkit, url):
    httpx2.post(f"{url}/v1/chat/completions", json=body("Hi", "nano", max_tokens=2), timeout=60)
    assert labkit("stop", "gpt").stderr.strip() == "unloaded gpt"
    assert rows(labkit)[1]["nano"]["memory_bytes"] is None
    answer = httpx2.post(f"{url}/v1/chat/completions", json=body("Hi", "nano", max_tokens=2), timeout=60)
    assert answer.status_code == 200
    result = labkit("stop", "nanoo")
    assert result.returncode == 66
    assert "did you mean nano" in result.stderr


def test_logs_tell_of_the_endpoint_and_of_a_worker_and_never_what_was_asked(labkit, url):
    httpx2.post(f"{url}/v1/chat/completions", json=body("canary", "nano", max_tokens=2), timeout=60)
    wait_for(lambda: "/v1/chat/completions" in labkit("logs", "-n", "5").stdout)
    assert "canary" not in labkit("logs", "-n", "1000").stdout
    assert labkit("logs", "nano").returncode == 0
    result = labkit("logs", "other")
    assert result.returncode == 66
    assert "there are logs of nano" in result.stderr


def test_following_a_log_ends_with_ctrl_c_and_no_traceback(environment, url):
    process = subprocess.Popen(
        [*LABKIT, "logs", "-f"], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said


def test_stop_drains_and_the_record_is_gone(labkit, environment, url):
    run = Path(environment["LABKIT_HOME"], "run")
    (record,) = run.iterdir()
    assert record.stat().st_mode & 0o777 == 0o600 or os.name == "nt"
    asked = body("Count", "nano", max_tokens=200, ignore_eos=True, stream=True)
    with httpx2.stream("POST", f"{url}/v1/chat/completions", json=asked, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        result = labkit("stop", url)
        assert [line for line in lines if line][-1] == "data: [DONE]"
    assert f"stopped {url}" in result.stderr
    assert not list(run.iterdir())
    assert json.loads(labkit("ps", "--json").stdout) == []
    assert "No endpoint runs" in labkit("ps").stderr
    assert "No endpoint runs" in labkit("stop").stderr
    result = labkit("stop", "nano")
    assert result.returncode == 66
    assert "no endpoint runs" in result.stderr


def test_a_configuration_is_checked_with_its_models(labkit, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(CONFIG)
    result = labkit("config", "check", str(path))
    assert (result.returncode, result.stdout) == (0, "")
    assert "is valid: nano" in result.stderr
    said = json.loads(labkit("config", "check", str(path), "--json").stdout)
    assert said["keep_alive"] == 600.0
    path.write_text(CONFIG.replace('"nano"\neng', '"nanoo"\neng').replace("slots", "slts"))
    result = labkit("config", "check", str(path))
    assert result.returncode == 2
    assert "line 7, models.0.engine.slts: there is no such key; did you mean slots?" in result.stderr
    path.write_text(CONFIG.replace('name = "nano"', 'name = "nanoo"'))
    assert labkit("config", "check", str(path)).returncode == 66
    result = labkit("config", "check")
    assert result.returncode == 2
    assert "there is no configuration file" in result.stderr
    assert "(not there)" in labkit("config", "path").stdout
    assert json.loads(labkit("config", "schema").stdout)["title"] == "ConfigFile"


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_a_service_is_shown_and_where_systemd_is_absent_what_to_type_is_said(
    labkit, environment, tmp_path, monkeypatch
):
    shown = labkit("service", "show", "nano", "--port", "9000")
    assert f"ExecStart={sys.executable} -P -m labkit serve nano --port 9000" in shown.stdout
    assert labkit("service", "status").stdout == "not installed\n"
    assert "no service is installed" in labkit("service", "uninstall").stderr
    monkeypatch.setenv("PATH", str(tmp_path))
    result = labkit("service", "install", "nano")
    assert result.returncode == 71
    assert "where there is one, type: systemctl --user daemon-reload; systemctl --user enable" in result.stderr
    unit = tmp_path.joinpath(environment["XDG_CONFIG_HOME"], "systemd/user/labkit.service")
    assert unit.read_text() == labkit("service", "show", "nano").stdout
    assert "installed: " in labkit("service", "status").stdout
    labkit("service", "uninstall")
    assert not unit.exists()
