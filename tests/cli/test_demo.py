import os
import signal
import subprocess
import sys

import psutil
import pytest

COMMAND = [sys.executable, "-m", "labkit", "demo"]
SECTIONS = (
    "This machine",
    "Models it can run",
    "An endpoint for OpenAI clients",
    "A streamed answer",
    "An answer that must fit a JSON schema",
    "A tool call",
    "The native core",
    "What to type next",
)


@pytest.fixture
def environment(tmp_path):
    return {**os.environ, "LABKIT_HOME": str(tmp_path / "home"), "NO_COLOR": "1"}


def test_the_whole_chain_runs_on_the_embedded_model(environment):
    result = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    places = [result.stdout.find(section) for section in SECTIONS]
    assert -1 not in places
    assert places == sorted(places)
    assert "valid against the schema" in result.stdout
    assert "bench_model(" in result.stdout
    assert "pp512" in result.stdout
    assert "tg128" in result.stdout


@pytest.mark.skipif(os.name != "posix", reason="process groups and SIGINT are POSIX")
@pytest.mark.parametrize("section", SECTIONS[:-1])
def test_ctrl_c_at_any_moment_leaves_no_process(environment, section):
    demo = subprocess.Popen(
        COMMAND,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in demo.stdout:
        if line.startswith(section):
            break
    family = psutil.Process(demo.pid).children(recursive=True)
    os.killpg(demo.pid, signal.SIGINT)  # as a terminal does: the whole group
    _, said = demo.communicate()
    # Both are 130 to a shell. Python ends itself by the signal where the interrupt fell into an exec(), such as the
    # making of a dataclass, and was handled all the same.
    assert demo.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []


def test_a_data_folder_that_cannot_be_written_is_said_plainly(environment, tmp_path):
    (tmp_path / "file").touch()
    environment["LABKIT_HOME"] = str(tmp_path / "file" / "home")
    result = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 73
    assert "LABKIT_HOME" in result.stderr
    assert "Traceback" not in result.stderr
