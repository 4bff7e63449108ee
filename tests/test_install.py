"""The set-up behind `make`: what it says when something is missing, and what it shows while it works."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".make" / "install.py"


@pytest.fixture
def install(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("install", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path)
    monkeypatch.setattr(module, "LOG", tmp_path / "install.log")
    return module


@pytest.mark.parametrize(
    ("log", "step"),
    [
        ("", "starting"),
        ("Collecting rich>=14\n  Downloading rich-15.0.0.whl (1 kB)\n", "downloading rich-15.0.0.whl"),
        ("Collecting x\n  [12/250] Building CXX object a.o\n  noise\n", "building llama-cpp-python: 12 of 250 files"),
        ("[250/250] Linking\nInstalling collected packages: a, b\n", "installing collected packages a"),
    ],
)  # fmt: skip
def test_progress_is_read_from_pip_s_log(install, log, step):
    install.LOG.write_text(log)
    assert install.current_step() == step


@pytest.mark.parametrize(
    ("system", "tool", "hint"),
    [
        ("Linux", "apt-get", "apt-get install -y g++"),
        ("Linux", "dnf", "dnf install"),
        ("Linux", None, "install g++ or clang++"),
        ("Darwin", None, "xcode-select --install"),
        ("Windows", None, "winget install"),
    ],
)
def test_a_missing_compiler_is_named_with_this_system_s_command(install, monkeypatch, system, tool, hint):
    monkeypatch.setattr(install.platform, "system", lambda: system)
    monkeypatch.setattr(install.shutil, "which", lambda name: name if name == tool else None)
    assert hint in install.compiler_hint()


def test_an_old_python_is_told_which_one_is_needed(install, monkeypatch, capsys):
    monkeypatch.setattr(install.sys, "version_info", (3, 10, 0))
    monkeypatch.setattr(install.sys, "argv", ["install.py"])
    assert install.main() == 1
    assert "3.11" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="PATH tricks")
def test_without_a_compiler_nothing_is_installed_and_the_fix_is_named(tmp_path):
    project = tmp_path / "project"
    (project / ".make").mkdir(parents=True)
    (project / ".make" / "install.py").write_bytes(SCRIPT.read_bytes())
    for name in ("pyproject.toml", "constraints.txt"):
        (project / name).write_bytes((SCRIPT.parents[1] / name).read_bytes())
    result = subprocess.run(
        [sys.executable, ".make/install.py"],
        cwd=project, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert "a C++ compiler is missing" in result.stderr
    assert "Traceback" not in result.stderr
