"""Every example of the README runs, in order, and prints what the README shows (`...` stands for anything)."""

import doctest
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```(console|python|toml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
DEFAULT_PORT = "8642"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A folder, an environment and a port for the whole tour, and an end to every server it starts."""
    tour = Tour(tmp_path_factory.mktemp("tour"), free_port())
    yield tour
    tour.close()


class Tour:
    def __init__(self, folder, port):
        self.folder, self.port, self.servers = folder, port, []
        scripts = str(Path(sys.executable).parent)
        self.environment = {
            **os.environ,
            "PATH": scripts + os.pathsep + os.environ["PATH"],
            "LABKIT_HOME": str(folder / "home"),
            "LABKIT_PORT": str(port),
        }

    def console(self, text):
        for example in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, shown = example.partition("\n")
            printed = self.serve(command) if command.startswith("labkit serve") else self.run(command)
            assert doctest.OutputChecker().check_output(shown, printed, FLAGS), f"$ {command}\n{printed}"

    def run(self, command):
        command = command.replace(DEFAULT_PORT, str(self.port))
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, f"$ {command}\n{result.stderr}"
        return result.stdout.replace(str(self.port), DEFAULT_PORT)

    def serve(self, command):
        log = (self.folder / "serve.log").open("w+")
        server = subprocess.Popen(command.split(), cwd=self.folder, env=self.environment, stderr=log)
        self.servers.append((server, log))
        while not self.is_healthy():
            assert server.poll() is None, (self.folder / "serve.log").read_text()
            time.sleep(0.1)
        printed = (self.folder / "serve.log").read_text()
        # What was printed while loading is of no interest to the README.
        return re.sub(r"\A.*?^(?=\S+ is ready)", "", printed, flags=re.MULTILINE | re.DOTALL).replace(
            str(self.port), DEFAULT_PORT
        )

    def is_healthy(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health").status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def configuration(self, text):
        (self.folder / "labkit.toml").write_text(text)

    def python(self, text):
        text = text.replace(DEFAULT_PORT, str(self.port))
        result = subprocess.run(
            [sys.executable, "-c", text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr

    def close(self):
        for server, log in self.servers:
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
            log.close()


def test_the_readme_s_examples_run_and_print_what_it_shows(bench):
    blocks = BLOCK.findall(README.read_text(encoding="utf-8"))
    assert len(blocks) >= 7
    for language, text in blocks:
        {"console": bench.console, "python": bench.python, "toml": bench.configuration}[language](text)


def test_links_inside_of_the_readme_lead_to_headings():
    text = README.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    places = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert len(links) >= 5
    assert links <= places


def test_both_commands_come_first():
    text = README.read_text(encoding="utf-8")
    assert text.index("make demo") < text.index("make test") < text.index("labkit doctor")
