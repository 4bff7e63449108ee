"""Signals to a real front process, in a process group of its own like a shell's foreground job."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import psutil
import pytest

from fakes.endpoints import body, wait_for
from labkit.errors import DataFolderError, InputError, ModelNotFoundError
from labkit.serving import plan_endpoint
from labkit.settings import Settings

DRIVER = Path(__file__).parents[1] / "fakes" / "serve_with_fake_worker.py"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups and these signals are POSIX")


@contextlib.contextmanager
def front(folder, *models, wait_ready=True):
    """The process, its URL (None when not waited for), and its children once it is ready."""
    command = [sys.executable, str(DRIVER), str(folder), *models]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process, _url(process) if wait_ready else None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


def _url(process):
    lines = []
    while not lines or lines[-1] != "}\n":
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    return json.loads("".join(lines))["url"]


def workers(process):
    return psutil.Process(process.pid).children(recursive=True)


def gone(processes):
    return not [child for child in processes if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def stream_in_background(url, text):
    answer = {}

    def run():
        try:
            answer["content"] = httpx2.post(
                f"{url}/v1/chat/completions", json=body(text, stream=True), timeout=60, trust_env=False
            ).content
        except httpx2.HTTPError as error:
            answer["content"] = repr(error).encode()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, answer


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_idle_endpoint_leaves_with_zero_and_no_orphan(tmp_path, number):
    with front(tmp_path, "echo", "other") as (process, _):
        children = workers(process)
        assert len(children) == 2
        os.killpg(process.pid, number)
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""
        assert gone(children)


def test_the_first_ctrl_c_drains(tmp_path):
    with front(tmp_path) as (process, url):
        thread, answer = stream_in_background(url, "slow 60")
        wait_for(lambda: httpx2.get(url + "/health").json()["models"]["echo"]["num_running"])
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 0
        thread.join()
    assert answer["content"].endswith(b"data: [DONE]\n\n")


def test_the_second_ctrl_c_stops_at_once(tmp_path):
    with front(tmp_path) as (process, url):
        children = workers(process)
        thread, answer = stream_in_background(url, "slow 5000")
        wait_for(lambda: httpx2.get(url + "/health").json()["models"]["echo"]["num_running"])
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 0
        thread.join()
        assert gone(children)
    assert b"the endpoint is stopping" in answer["content"]


def test_ctrl_c_while_loading_stops_at_once(tmp_path):
    with front(tmp_path, "slow-load", wait_ready=False) as (process, _):
        wait_for(lambda: (tmp_path / "worker-slow-load.log").exists() and workers(process))
        children = workers(process)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert "Traceback" not in process.stderr.read()
        assert gone(children)


@pytest.mark.parametrize("moment", range(6))
def test_ctrl_c_at_any_moment_leaves_no_orphan(tmp_path, moment):
    with front(tmp_path, wait_ready=False) as (process, _):
        time.sleep(0.17 * moment)
        children = workers(process) if process.poll() is None else []
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.05)
        if process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                children += workers(process)
        process.wait(timeout=60)
        wait_for(lambda: gone(children))


def test_a_front_that_is_killed_takes_its_workers_along(tmp_path):
    with front(tmp_path) as (process, _):
        children = workers(process)
        process.kill()
        process.wait(timeout=60)
        wait_for(lambda: gone(children))


def test_a_plan_names_what_is_wrong_before_anything_starts(tmp_path):
    settings = Settings(data_folder=tmp_path / "data")
    with pytest.raises(ModelNotFoundError):
        plan_endpoint(["no-such-model"], settings)
    with pytest.raises(InputError, match="twice"):
        plan_endpoint(["nano", "labkit-nano"], settings)
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderError, match="cannot write"):
        plan_endpoint(["nano"], Settings(data_folder=tmp_path / "file" / "data"))


def test_a_plan_knows_the_name_a_person_typed(tmp_path):
    plan = plan_endpoint(["nano"], Settings(data_folder=tmp_path, port=5), port=0)
    assert (plan.models[0].ref.name, plan.models[0].aliases, plan.port) == ("nano", ("labkit-nano",), 0)
