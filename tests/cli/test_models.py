"""`labkit models list` and `labkit models show`, with good names, wrong names and damaged files."""

import json
import os
import subprocess
import sys

import pytest

from fakes import gguf_writer


def models(*words, home, columns=80):
    command = [sys.executable, "-m", "labkit", "models", *words]
    env = {**os.environ, "LABKIT_HOME": str(home), "COLUMNS": str(columns)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


@pytest.fixture
def home(tmp_path):
    (tmp_path / "models").mkdir()
    gguf_writer.write_tiny_llama(tmp_path / "models" / "mine.gguf")
    return tmp_path


def test_the_list_has_what_is_here_first(home):
    result = models("list", home=home)
    assert result.returncode == 0, result.stderr
    assert result.stdout.index("nano") < result.stdout.index("mine") < result.stdout.index("Known models")
    assert "qwen3-8b" in result.stdout
    assert str(home / "models") in result.stderr


@pytest.mark.parametrize("columns", [80, 120])
def test_the_lists_keep_to_the_width(home, columns):
    result = models("list", home=home, columns=columns)
    assert max(map(len, result.stdout.splitlines())) <= columns
    assert ("Good for" in result.stdout) == (columns == 120)


def test_the_list_as_json(home):
    found = json.loads(models("list", "--json", home=home).stdout)
    assert [row["name"] for row in found["here"]] == ["nano", "mine"]
    assert found["here"][1]["license"] == "apache-2.0"
    assert len(found["known"]) >= 80
    assert json.loads(models("list", "--json", "--here", home=home).stdout)["known"] == []


def test_a_downloaded_known_model_is_marked(home):
    gguf_writer.write_tiny_llama(home / "models" / "Qwen3-0.6B.Q4_K_M.gguf")
    lines = models("list", home=home).stdout.splitlines()
    assert [line for line in lines if line.startswith("* ") and "qwen3-0.6b" in line]


def test_facts_of_a_known_model_come_with_sources(home):
    result = models("show", "gpt-oss-20b", home=home)
    assert result.returncode == 0, result.stderr
    words = " ".join(result.stdout.split())
    for expected in (
        "apache-2.0", "openai/gpt-oss-20b", "12 full, 12 sliding window", "MMLU-Pro 74.8", "from https://",
        "sha256", "4 of 32 work on each token",
    ):  # fmt: skip
        assert expected in words
    assert "labkit pull gpt-oss-20b" in result.stderr


def test_an_unknown_shape_is_called_unknown(home):
    words = " ".join(models("show", "laguna-xs-2.1", home=home).stdout.split())
    assert "attention unknown: its attention window is not in the catalogue" in words


def test_facts_of_a_file(home):
    for name in ("mine", str(home / "models" / "mine.gguf")):
        result = models("show", name, home=home)
        assert result.returncode == 0, result.stderr
        words = " ".join(result.stdout.split())
        for expected in ("apache-2.0", "2 layers", "2 full", "256 tokens", "32.00 bits per weight", "memory F32"):
            assert expected in words


def test_facts_as_json(home):
    found = json.loads(models("show", "mine", "--json", home=home).stdout)
    assert found["known"] is None
    assert found["facts"]["architecture"]["num_layers"] == 2
    known = json.loads(models("show", "QWEN3-8B", "--json", home=home).stdout)
    assert known["facts"] is None
    assert known["known"]["id"] == "qwen3-8b"


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("qwen3-8bb", 66, "did you mean qwen3-8b"),
        ("zzzzzz", 66, "labkit models list"),
        ("./none.gguf", 66, "no such file"),
        ("~nobody-here/x.gguf", 66, "write the whole path"),
    ],
)
def test_wrong_names_say_what_to_type(home, name, code, words):
    result = models("show", name, home=home)
    assert result.returncode == code
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_damaged_file_is_said_to_be_damaged(home):
    (home / "models" / "bad.gguf").write_bytes(b"GGUF\x03\0\0\0")
    result = models("show", "bad", home=home)
    assert result.returncode == 65
    assert "bad.gguf cannot be served: it is cut" in result.stderr
    assert "-> the file is damaged" in result.stderr
    assert "bad" in models("list", "--here", home=home).stdout


def test_a_broken_catalogue_file_of_the_user_is_named(home):
    (home / "catalog").mkdir()
    (home / "catalog" / "mine.json").write_text('{"models": [{"id": "x"}]}')
    result = models("list", home=home)
    assert result.returncode == 2
    assert "mine.json is not a valid catalogue" in result.stderr
    assert "line 1, models.0 (x), license: Field required" in result.stderr


def test_what_a_license_forbids_and_who_uploaded_a_file_is_said(home):
    words = " ".join(models("show", "llama-3.1-8b-instruct", home=home).stdout.split())
    for expected in (
        "llama3.1 (Llama 3.1 Community License): commercial-ok", "700 million monthly users",
        "a re-upload by MaziyarPanahi, not by meta-llama; revision unknown", "generation 3.1 of llama",
        "released 2024-07-23", "read in license: ",
    ):  # fmt: skip
        assert expected in words
    words = " ".join(models("show", "lfm2.5-1.2b-instruct", home=home).stdout.split())
    assert "not free for every commercial use - commercial use is free below 10 million USD" in words
    assert "uploaded by LiquidAI, who made the model" in words


def test_scores_of_a_sister_and_files_to_see_with_are_told_apart(home):
    words = " ".join(models("show", "ministral-3-8b-instruct-2512", home=home).stdout.split())
    assert "of its Reasoning-2512 variant, ranks nothing" in words
    assert "mmproj-F32.gguf, its projector" in words
    assert "released unknown" in words


@pytest.mark.parametrize(
    ("words", "there", "not_there"),
    [
        (["--goal", "vision", "--family", "gemma"], ["gemma-4-e4b-it", "gemma-3-4b-it"], ["gemma-3-1b-it", "qwen"]),
        (["--license", "permissive", "--family", "gemma"], ["gemma-4-e4b-it"], ["gemma-3-4b-it"]),
        (["--family", "qwen3.5"], ["qwen3.5-4b"], ["qwen3.6-27b"]),
        (["--goal", "code"], ["devstral", "qwen3.8-27b"], ["granite-4.2-3b"]),
        (["--goal", "chat", "--family", "deepseek-r1-distill"], [], ["deepseek"]),
    ],
)
def test_the_list_is_filtered(home, words, there, not_there):
    result = models("list", *words, home=home)
    assert result.returncode == 0, result.stderr
    known = result.stdout.partition("Known models")[2]
    assert all(name in known for name in there)
    assert not any(name in known for name in not_there)
    assert ("No known model is all of that" in result.stderr) == (not there)
    ids = [row["id"] for row in json.loads(models("list", *words, "--json", home=home).stdout)["known"]]
    assert not any(name in model_id for name in not_there for model_id in ids)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--goal", "poetry"], "--goal takes one of: chat, code"),
        (["--family", "gema"], "did you mean gemma"),
        (["--license", "apache2"], "did you mean apache-2.0"),
    ],
)
def test_a_filter_that_names_nothing_is_refused(home, words, expected):
    result = models("list", *words, home=home)
    assert (result.returncode, result.stdout) == (2, "")
    assert expected in result.stderr
