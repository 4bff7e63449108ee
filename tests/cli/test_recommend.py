"""`labkit recommend` as a person and as a program use it."""

import json
import os
import re
import subprocess
import sys

import pytest

from labkit.hardware import load_shipped_profiles, render_toml


def recommend(*words, home, columns=80):
    command = [sys.executable, "-m", "labkit", "recommend", *words]
    env = {**os.environ, "LABKIT_HOME": str(home), "COLUMNS": str(columns)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def document(*words, home):
    result = recommend(*words, "--json", home=home)
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_a_table_and_the_commands_for_its_first_row(tmp_path):
    result = recommend("--profile", "rtx-4090", home=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "For chat, 8,192 tokens of context" in result.stdout
    assert "qwen3.8-27b" in result.stdout
    assert "qwen3.6-27b" not in result.stdout
    assert result.stdout.index("qwen3.8-27b") < result.stdout.index("nano")
    assert "Facts and scores are of 2026-" in result.stdout
    assert re.search(r"labkit pull \S+:\S+\n", result.stderr)
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
    assert len(found["recommendations"]) + len(found["left_out"]) >= 80
    assert found["machine"]["ram_bandwidth_source"] == "measured"
    assert found["wish"]["disk_bytes"] > 0


def test_json_has_units_in_its_names_and_a_source_for_each_fact(tmp_path):
    found = document("--profile", "rtx-3060-12gb", "--top", "2", "--goal", "code", home=tmp_path)
    assert found["schema_version"] == 1
    assert [row["rank"] for row in found["recommendations"]] == [1, 2]
    for row in found["recommendations"]:
        assert row["score"]["source"].startswith("http")
        assert row["weights_source"]
        assert row["cache_bytes"] > 0
        assert row["memory_low_bytes"] <= row["memory_high_bytes"] < row["memory_required_bytes"]
        assert row["speed_low_tokens_per_second"] < row["speed_high_tokens_per_second"]
        assert row["license_classes"]
        assert row["file"] is None or len(row["file"]["sha256"]) == 64
    assert {row["kind"] for row in found["left_out"]} >= {"unsuited", "does not fit", "same lineage"}


def test_why_gives_sources_hashes_and_what_was_left_out(tmp_path):
    result = recommend("--why", "--profile", "laptop-16gb-cpu", home=tmp_path)
    words = " ".join(result.stdout.split())
    for expected in (
        "sha256 ", "from https://", "before gemma", "a re-upload by unsloth, not by Qwen", "loses 0.028 nats per token",
        "Left out (", "llama-3.3-70b-instruct: needs",
    ):  # fmt: skip
        assert expected in words


def test_why_not_says_what_stands_before_a_model(tmp_path):
    result = recommend("--why-not", "qwen3.6-27b", "--profile", "rtx-4090", home=tmp_path)
    assert "qwen3.8-27b of the same lineage ranks higher: a later generation" in result.stdout
    assert "labkit recommend --explain qwen3.6-27b" in result.stderr
    named = recommend("--why-not", "qwen3.8-27b", "--profile", "rtx-4090", home=tmp_path)
    assert "it is recommended: number 2, as Q4_K_M" in named.stdout


def test_explain_prints_every_term(tmp_path):
    result = recommend("--explain", "qwen3.6-27b:q4_k_m", "--profile", "rtx-4090", "--ctx", "32768", home=tmp_path)
    words = " ".join(result.stdout.split())
    for expected in (
        "qwen3.6-27b as Q4_K_M", "sha256 5ed60d0af4650a854b1755bd392f9aef4872643dc25a254bc68043fa638392a0",
        "150 MiB", "2.0 GiB", "must be free", "budget 23.0 GiB", "1008.0 GB/s", "so: fits on NVIDIA GeForce RTX 4090",
    ):  # fmt: skip
        assert expected in words
    plain = document("--explain", "qwen3.6-27b", "--profile", "rtx-4090", home=tmp_path)
    names = [term["name"] for term in plain["terms"]]
    assert names[:2] == ["file", "weights"]
    assert {"KV cache", "recurrent state", "compute buffer", "output", "budget", "speed"} <= set(names)


def test_a_profile_file_is_another_machine(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(render_toml(load_shipped_profiles()["raspberry-pi-5-8gb"]))
    by_name = document("--profile", "raspberry-pi-5-8gb", home=tmp_path)
    assert document("--profile", str(path), home=tmp_path) == by_name
    assert document("--like", str(path), home=tmp_path) == by_name


def test_captured_texts_are_another_machine(tmp_path):
    folder = tmp_path / "capture"
    (folder / "proc").mkdir(parents=True)
    (folder / "proc" / "meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable: 12000000 kB\nSwapTotal: 0 kB\n")
    (folder / "proc" / "cpuinfo").write_text(
        "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Test CPU\nphysical id\t: 0\ncore id\t: 0\n\n"
    )
    found = document("--like", str(folder), home=tmp_path)
    assert found["machine"]["ram_budget_bytes"] == 12000000 * 1024
    assert found["machine"]["name"] == "the machine of capture"
    assert found["recommendations"]


def test_licenses_and_disk_leave_models_out_and_say_so(tmp_path):
    found = document("--profile", "rtx-4090", "--license", "permissive", "--disk", "10GB", "--top", "50", home=tmp_path)
    assert {row["license"] for row in found["recommendations"]} <= {"apache-2.0", "mit", "openmdw-1.1"}
    reasons = {row["model_id"]: row["reason"] for row in found["left_out"]}
    assert "of disk, 9.3 GiB are free" in reasons["gemma-4-31b-it"]
    assert reasons["llama-3.1-8b-instruct"].startswith("its license is Llama 3.1 Community License: ")


def test_slots_multiply_the_cache(tmp_path):
    one = document("--explain", "qwen3-8b:Q4_K_M", "--profile", "rtx-4090", home=tmp_path)
    four = document("--explain", "qwen3-8b:Q4_K_M", "--profile", "rtx-4090", "--slots", "4", home=tmp_path)
    caches = [next(term["low_bytes"] for term in found["terms"] if term["name"] == "KV cache") for found in (one, four)]
    assert caches[1] == 4 * caches[0]


def test_vision_comes_with_a_projector(tmp_path):
    result = recommend("--goal", "vision", "--profile", "rtx-4090", home=tmp_path)
    assert result.stderr.count("labkit pull") == 1  # the projector comes with it
    assert "labkit serve answers text only so far" in " ".join(result.stderr.split())
    rows = document("--goal", "vision", "--profile", "rtx-4090", home=tmp_path)["recommendations"]
    assert all(row["projector"]["sha256"] for row in rows)


def test_when_nothing_fits_the_embedded_model_remains(tmp_path):
    result = recommend("--goal", "tools", "--min-speed", "5000", "--profile", "raspberry-pi-5-8gb", home=tmp_path)
    assert result.returncode == 0
    assert "No known model holds 8,192 tokens at 5000 tok/s" in result.stderr
    assert "nano" in result.stdout
    assert "labkit serve nano" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--goal", "poetry"], 2, "--goal takes one of: chat, code, reasoning, tools, vision, embedding"),
        (["--profile", "rtx-4900"], 2, "rtx-4090-24gb or"),
        (["--profile", "zzzzz"], 2, "raspberry-pi-5-8gb"),
        (["--profile", "rtx-4090", "--like", "x"], 2, "--profile and --like are two machines"),
        (["--like", "no-such-file"], 2, "no-such-file"),
        (["--license", "apache2"], 2, "did you mean apache-2.0"),
        (["--disk", "plenty", "--profile", "rtx-4090"], 2, "is not a size"),
        (["--explain", "qwen3-8bb"], 66, "did you mean qwen3-8b"),
        (["--explain", "qwen3-8b:Q9"], 2, "'Q9' is not a quantization"),
        (["--why-not", "qwen3-8b", "--explain", "qwen3-8b"], 2, "two questions"),
        (["--explain", "laguna-xs-2.1", "--profile", "rtx-4090"], 2, "its attention window is not in the catalogue"),
        (["--ctx", "0"], 2, "--ctx"),
        (["--slots", "0"], 2, "--slots"),
        (["--top", "0"], 2, "--top"),
        (["--min-speed", "-1"], 2, "--min-speed"),
    ],
)
def test_wrong_input_is_refused_with_what_to_type(tmp_path, words, code, expected):
    result = recommend(*words, home=tmp_path)
    assert (result.returncode, result.stdout) == (code, "")
    assert expected in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_a_model_that_is_here_needs_no_download_and_no_disk(tmp_path):
    from fakes import gguf_writer

    (tmp_path / "models").mkdir()
    row = document("--profile", "laptop-16gb-cpu", home=tmp_path)["recommendations"][0]
    gguf_writer.write_tiny_llama(tmp_path / "models" / row["file"]["file"].split("/")[-1])
    result = recommend("--profile", "laptop-16gb-cpu", "--disk", "1MB", home=tmp_path)
    assert "labkit pull" not in result.stderr
    assert f"labkit serve {row['model_id']}" in result.stderr


def test_the_command_to_serve_holds_what_was_asked_for(tmp_path):
    usual = recommend("--profile", "rtx-4090-24gb", "--top", "1", home=tmp_path)
    assert re.search(r"labkit serve \S+\n", usual.stderr)
    asked = recommend("--profile", "rtx-4090-24gb", "--ctx", "16384", "--slots", "4", "--top", "1", home=tmp_path)
    assert re.search(r"labkit serve \S+ --ctx 65536 --slots 4\n", asked.stderr)


def test_where_nothing_is_left_the_reason_is_named(tmp_path):
    result = recommend("--profile", "rtx-4090-24gb", "--disk", "2MB", home=tmp_path)
    assert "with 1.9 MiB of disk" in " ".join(result.stderr.split())
    unitless = recommend("--profile", "rtx-4090-24gb", "--disk", "20", home=tmp_path)
    assert unitless.returncode == 2
    assert "--disk 20GB" in unitless.stderr


def test_a_machine_of_unknown_memory_is_not_called_too_small(tmp_path):
    captured = tmp_path / "captured"
    captured.mkdir()
    (captured / "uname-a.txt").write_text("Linux box 6.8.0 #1 SMP x86_64 GNU/Linux\n")
    result = recommend("--like", str(captured), home=tmp_path / "home")
    assert "how much memory this machine has for a model is not known" in " ".join(result.stderr.split())


def test_why_not_as_json(tmp_path):
    found = document("--profile", "rtx-4090-24gb", "--why-not", "qwen3-8b", home=tmp_path)
    assert (found["schema_version"], found["model_id"], found["quantization"]) == (1, "qwen3-8b", None)
    assert found["reasons"]
