import csv
import io
import json
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")  # one for all: the bandwidth is measured once


@pytest.fixture
def run(home, monkeypatch):
    monkeypatch.setenv("LABKIT_HOME", str(home))

    def run(*words):
        command = [sys.executable, "-m", "labkit", "bench", "core", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


SMALL = ("nano", "-p", "16", "-n", "4", "-t", "1", "-r", "2")


def test_json_is_a_row_per_test(run):
    result = run(*SMALL, "--json")
    rows = json.loads(result.stdout)
    assert [(row["n_prompt"], row["n_gen"]) for row in rows] == [(16, 0), (0, 4)]
    assert all(row["labkit_bandwidth_share"] > 0 for row in rows)


def test_csv_and_jsonl_hold_the_same_rows(run):
    table = list(csv.DictReader(io.StringIO(run(*SMALL, "-o", "csv").stdout)))
    lines = [json.loads(line) for line in run(*SMALL, "-o", "jsonl").stdout.splitlines()]
    assert [int(row["n_prompt"]) for row in table] == [line["n_prompt"] for line in lines] == [16, 0]


def test_the_table_and_the_markdown_name_the_tests(run):
    for form in ("table", "md"):
        result = run(*SMALL, "-o", form)
        assert result.returncode == 0, result.stderr
        assert "pp16" in result.stdout
        assert "tg4" in result.stdout


def test_a_broken_file_is_refused_before_native_code_reads_it(run, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    result = run(str(broken))
    assert result.returncode == 65
    assert "error: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("nano", "-p", "many"), "-p is 'many'", 2),
        (("nano", "-p", "0", "-n", "0"), "nothing to measure", 2),
        (("nano", "-t", "0"), "-t must be", 2),
        (("nano", "-o", "xml"), "table, md, json", 2),
        (("nanu",), "did you mean", 66),
        (("no-such-file.gguf",), "no-such-file.gguf", 66),
    ],
)
def test_wrong_input_says_what_to_type(run, words, says, code):
    result = run(*words)
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.returncode == code


MINIATURE = {
    "id": "miniature", "family": "qwen3", "license": "cc0-1.0", "capabilities": ["chat"],
    "shape": {
        "num_layers": 2, "hidden_size": 256, "ffn_size": 512, "num_heads": 4, "num_kv_heads": 2, "head_dim": 64,
        "vocab_size": 600, "tied_embeddings": True,
    },
}  # fmt: skip


def dry(run, home, *words):
    (home / "catalog").mkdir(exist_ok=True)
    rows = {"models": [MINIATURE], "sources": {}, "as_of": "2026-01-01"}
    (home / "catalog" / "mine.json").write_text(json.dumps(rows))
    return run("--dry", "miniature:Q8_0", "-p", "16", "-n", "4", "-t", "1", "-r", "1", *words)


def test_a_dry_run_measures_random_weights_and_says_so(run, home):
    result = dry(run, home, "--json")
    assert result.returncode == 0, result.stderr
    assert [row["n_prompt"] for row in json.loads(result.stdout)] == [16, 0]
    assert "miniature at Q8_0: its speed, not its answers" in result.stderr
    kept = list((home / "synthetic").iterdir())
    assert len(kept) == 1
    assert f"rm {kept[0]}" in result.stderr


def test_a_dry_run_can_clean_up_after_itself(run, home):
    result = dry(run, home, "--no-keep")
    assert result.returncode == 0, result.stderr
    assert "tg4" in result.stdout
    assert list((home / "synthetic").iterdir()) == []


def test_a_dry_run_of_an_unknown_model_names_near_ones(run):
    result = run("--dry", "qwen3-8")
    assert result.returncode == 66
    assert "qwen3-8b" in result.stderr


def test_nothing_is_written_when_there_is_nothing_to_measure(run, home):
    before = set((home / "synthetic").glob("*"))
    result = run("--dry", "qwen3-0.6b", "-p", "0", "-n", "0")
    assert result.returncode != 0
    assert "nothing to measure" in result.stderr
    assert set((home / "synthetic").glob("*")) == before
