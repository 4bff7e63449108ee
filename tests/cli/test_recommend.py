"""`labkit recommend` as a person and as a program use it."""

import json
import os
import subprocess
import sys

import pytest

from labkit.hardware import load_shipped_profiles, render_toml


def recommend(*words, home, columns=80):
    command = [sys.executable, "-m", "labkit", "recommend", *words]
    env = {**os.environ, "LABKIT_HOME": str(home), "COLUMNS": str(columns)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def test_a_table_and_the_commands_for_its_first_row(tmp_path):
    result = recommend("--profile", "rtx-4090-24gb", home=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "For chat, 8,192 tokens of context" in result.stdout
    assert "qwen3.6-27b" in result.stdout
    assert result.stdout.index("qwen3.6-27b") < result.stdout.index("nano")
    assert "hf download " in result.stderr
    assert str(tmp_path / "models") in result.stderr
    assert "labkit serve " in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_keeps_to_the_width(tmp_path, columns):
    result = recommend("--profile", "rtx-3060-12gb", home=tmp_path, columns=columns)
    table = result.stdout.split("Model, score, license")[1].split("Memory and speed")[0]
    assert max(map(len, table.splitlines())) <= columns


def test_this_machine_always_has_something_to_run(tmp_path):
    result = recommend("--json", home=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found["already_here"]["model_id"] == "nano"
    assert len(found["ranking"]["recommendations"]) + len(found["ranking"]["dropped"]) >= 80
    assert found["ranking"]["machine"]["ram_bandwidth_source"] == "measured"
    again = json.loads(recommend("--json", home=tmp_path).stdout)["ranking"]["machine"]
    assert again["ram_bandwidth_bytes_per_second"] == found["ranking"]["machine"]["ram_bandwidth_bytes_per_second"]


def test_json_says_where_each_fact_comes_from(tmp_path):
    result = recommend("--json", "--profile", "rtx-3060-12gb", "--top", "2", "--goal", "code", home=tmp_path)
    rows = json.loads(result.stdout)["ranking"]["recommendations"]
    assert len(rows) == 2
    for row in rows:
        assert row["score"]["source"]
        assert row["weights"]["source"]
        assert row["placement"]["memory"]["cache_bytes"] > 0


def test_explain_gives_sources_hashes_and_what_was_left_out(tmp_path):
    result = recommend("--explain", "--profile", "laptop-16gb-cpu", home=tmp_path)
    words = " ".join(result.stdout.split())
    assert "sha256 " in words
    assert "from https://" in words
    assert "Left out (" in words
    assert "llama-3.3-70b-instruct: needs" in words


def test_a_profile_file_is_another_machine(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(render_toml(load_shipped_profiles()["raspberry-pi-5-8gb"]))
    by_file = recommend("--profile", str(path), "--json", home=tmp_path)
    by_name = recommend("--profile", "raspberry-pi-5-8gb", "--json", home=tmp_path)
    assert by_file.stdout == by_name.stdout


def test_when_nothing_fits_the_embedded_model_remains(tmp_path):
    result = recommend("--goal", "tools", "--min-speed", "5000", "--profile", "raspberry-pi-5-8gb", home=tmp_path)
    assert result.returncode == 0
    assert "No known model holds 8,192 tokens at 5000 tok/s" in result.stderr
    assert "nano" in result.stdout
    assert "labkit serve nano" in result.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--goal", "poetry"], "--goal takes one of: chat, code, tools, reasoning, embedding"),
        (["--profile", "rtx-4900"], "did you mean rtx-4090-24gb"),
        (["--profile", "zzzzz"], "raspberry-pi-5-8gb"),
        (["--ctx", "0"], "--ctx"),
        (["--top", "0"], "--top"),
        (["--min-speed", "-1"], "--min-speed"),
    ],
)
def test_wrong_input_is_refused_with_what_to_type(tmp_path, words, expected):
    result = recommend(*words, home=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


def test_a_model_that_is_here_needs_no_download(tmp_path):
    from fakes import gguf_writer

    (tmp_path / "models").mkdir()
    first = recommend("--profile", "laptop-16gb-cpu", "--json", home=tmp_path)
    row = json.loads(first.stdout)["ranking"]["recommendations"][0]
    gguf_writer.write_tiny_llama(tmp_path / "models" / row["file"]["file"].split("/")[-1])
    result = recommend("--profile", "laptop-16gb-cpu", home=tmp_path)
    assert "hf download" not in result.stderr
    assert f"labkit serve {row['model_id']}" in result.stderr
