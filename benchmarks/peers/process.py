"""A server in a process of its own: started on given cores, awaited, and always gone at the end."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

READY_SECONDS = 180.0
STOP_SECONDS = 20.0
LOG_LINES = 15


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """How a server is started.

    Attributes:
        name: in tables, such as "llama-server split".
        command: "{port}" stands for the port.
        ready_path: answers 200 when the model is loaded.
        shown: the command as results show it: no folder, no port.
    """

    name: str
    command: tuple[str, ...]
    ready_path: str
    shown: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers. `model` is its own name for the model."""

    name: str
    url: str
    model: str
    pid: int
    shown: str

    def rss_bytes(self) -> int:
        """Resident memory of the process and its children; pages of a mapped model count too."""
        process = psutil.Process(self.pid)
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


@contextlib.contextmanager
def running(plan: ServerPlan, *, cores: Sequence[int] | None = None) -> Generator[RunningServer, None, None]:
    """Start a server, on `cores` alone where given, and yield it when it is ready.

    Raises RuntimeError with the end of its log when it is not ready in time. Nothing of it is left afterwards.
    """
    _end_by_exception()
    port = _free_port()
    command = [word.format(port=port) for word in plan.command]
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        with starting_on(cores):
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | plan.environment
            )
        try:
            url = f"http://127.0.0.1:{port}"
            if not _wait_ready(process, url + plan.ready_path):
                log.seek(0)
                tail = "".join(log.readlines()[-LOG_LINES:])
                ended = process.poll()
                problem = f"not ready after {READY_SECONDS:.0f} s" if ended is None else f"ended with {ended}"
                raise RuntimeError(f"{plan.name}: {problem}\n{tail}")
            yield RunningServer(plan.name, url, _model_name(url), process.pid, plan.shown)
        finally:
            _stop(process)


@contextlib.contextmanager
def all_running(
    plans: Sequence[ServerPlan], *, cores: Sequence[int] | None = None
) -> Generator[dict[str, RunningServer], None, None]:
    """Several servers at once, by name: the ones that are not asked sleep."""
    with contextlib.ExitStack() as stack:
        yield {plan.name: stack.enter_context(running(plan, cores=cores)) for plan in plans}


@contextlib.contextmanager
def starting_on(cores: Sequence[int] | None) -> Generator[None, None, None]:
    """Processes that are started in the block run on `cores`: a child inherits its parent's."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def output_of(command: Sequence[str], *, cores: Sequence[int] | None = None, stdin: str = "") -> str:
    """What a program prints. Blocks; raises RuntimeError with the end of its complaints when it fails."""
    with starting_on(cores):
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-LOG_LINES:])
        raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode}:\n{tail}")
    return done.stdout


def shown_command(command: Sequence[str | Path]) -> str:
    """A command line for results: paths by their last part, the port as PORT."""
    return " ".join(Path(word).name if "/" in str(word) else str(word).format(port="PORT") for word in command)


def _end_by_exception() -> None:
    """A benchmark that is terminated must stop its servers: without a handler nothing of it would run any more."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _model_name(url: str) -> str:
    with urllib.request.urlopen(f"{url}/v1/models", timeout=30) as response:
        return json.load(response)["data"][0]["id"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                if response.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    children: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        with contextlib.suppress(psutil.Error):
            child.kill()
