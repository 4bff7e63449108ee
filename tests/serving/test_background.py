"""An endpoint inside another program: `labkit chat`, `labkit demo`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fakes.endpoints import fake_plan, wait_for
from labkit.errors import ModelLoadError
from labkit.serving import running_endpoint

TESTS = Path(__file__).parents[1]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from fakes.endpoints import fake_plan
from labkit.serving import running_endpoint
try:
    with running_endpoint(fake_plan(Path(sys.argv[2]), sys.argv[3])) as endpoint:
        print(endpoint.worker_pids(), flush=True)
        import time
        time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_leaving_by_an_exception_stops_everything(tmp_path):
    pids = []

    def fail():
        with running_endpoint(fake_plan(tmp_path)) as endpoint:
            pids.extend(endpoint.worker_pids().values())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(pids) == 1
    assert not alive(pids[0])


def test_a_load_that_fails_is_raised_where_it_was_started(tmp_path):
    with pytest.raises(ModelLoadError), running_endpoint(fake_plan(tmp_path, "die")):
        pass


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")
@pytest.mark.parametrize(("model", "number"), [("echo", signal.SIGINT), ("slow-load", signal.SIGINT)])
def test_ctrl_c_in_the_program_leaves_no_orphan(tmp_path, model, number):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(TESTS), str(tmp_path), model],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    workers = wait_for(lambda: psutil.Process(process.pid).children())
    if model == "echo":
        process.stdout.readline()
    time.sleep(0.2)
    os.killpg(process.pid, number)
    said, _ = process.communicate(timeout=60)
    assert said == "interrupted\n"
    assert not any(worker.is_running() for worker in workers)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_a_program_that_is_killed_leaves_no_orphan(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(TESTS), str(tmp_path), "echo"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    workers = psutil.Process(process.pid).children()
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: not any(alive(worker.pid) for worker in workers))
