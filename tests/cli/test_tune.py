import json
import subprocess
import sys

import pytest


def run(*words):
    command = [sys.executable, "-m", "labkit", "tune", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_shipped_recipe_is_listed():
    names = [row["name"] for row in json.loads(run("list", "--json").stdout)]
    assert "nano-pretrain" in names
    assert "nano-pretrain" in run("list").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "no-such"), "shipped are: "),
        (("run", "no-such.yaml"), "there is no recipe file"),
    ],
)
def test_an_unknown_recipe_says_which_there_are(words, says):
    result = run(*words)
    assert result.returncode == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_recipe_names_every_problem(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("kind: pretrain\nname: x\nsteps: -1\nspeed: 9\nphases: []\n", encoding="utf-8")
    result = run("run", str(path), "--out", str(tmp_path / "out"))
    assert result.returncode == 2
    assert "steps" in result.stderr
    assert "speed" in result.stderr


def test_an_earlier_run_is_not_overwritten(tmp_path):
    (tmp_path / "checkpoint.pt").touch()
    result = run("run", "nano-pretrain", "--out", str(tmp_path))
    assert result.returncode == 2
    assert "--resume" in result.stderr
