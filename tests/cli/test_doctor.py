import json
import os
import subprocess
import sys
import tomllib

import pytest

from fakes.captures import load_capture
from fakes.source import load_machine, machine_names
from labkit.cli.doctor_report import report_groups, source_rows
from labkit.hardware import parse_profile
from labkit.hardware.captured import detect_captured
from labkit.hardware.detect import probe_machine


def doctor(*words, home, **environment):
    command = [sys.executable, "-m", "labkit", "doctor", *words]
    env = {**os.environ, "LABKIT_HOME": str(home), **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def test_the_report_of_this_machine(tmp_path):
    result = doctor("--quick", home=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for title in ("Machine", "Memory", "GPU", "Native core", "Measured", "Tier", "Problems"):
        assert f"\n{title}\n" in f"\n{result.stdout}"
    assert "tier: models up to" in result.stdout.splitlines()[-1]
    assert "\x1b" not in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_json_and_toml_are_the_same_profile(tmp_path):
    full = doctor("--json", home=tmp_path)
    assert (full.returncode, full.stderr) == (0, "")
    profile = parse_profile(json.loads(full.stdout), "json")
    assert profile.measured is not None
    again = parse_profile(tomllib.loads(doctor("--quick", "--profile", home=tmp_path).stdout), "toml")
    assert again.measured == profile.measured
    assert again.cpu == profile.cpu


def test_both_forms_at_once_are_a_usage_error(tmp_path):
    result = doctor("--json", "--profile", home=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "-> labkit doctor --json" in result.stderr


def test_a_core_that_does_not_load_is_exit_code_1_with_the_command_that_mends_it(tmp_path):
    (tmp_path / "llama_cpp").mkdir()
    (tmp_path / "llama_cpp" / "__init__.py").write_text("raise OSError('libllama.so: wrong ELF class')\n")
    result = doctor("--quick", home=tmp_path, PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    assert "libllama.so: wrong ELF class" in result.stdout
    assert "-> pip install --force-reinstall" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("labkit cannot run a model here")


@pytest.mark.parametrize("name", machine_names())
def test_every_captured_machine_has_a_whole_report(name):
    for group in report_groups(probe_machine(load_machine(name))):
        assert group.rows, group.title
        for label, text in group.rows:
            assert "None" not in f"{label} {text}"


def test_the_report_names_what_matters():
    def report(name):
        return "\n".join(
            f"{group.title}: {label} {text}"
            for group in report_groups(probe_machine(load_machine(name)))
            for label, text in group.rows
        )

    assert "GPU: 0 NVIDIA GeForce RTX 4090, 23.5 GiB (23.3 GiB free), compute 8.9" in report("rtx-4090-desktop")
    assert "used through CUDA as CUDA0" in report("rtx-4090-desktop")
    assert "8 performance + 4 efficiency; models use 8" in report("rtx-4090-desktop")
    assert "113 GiB free" in report("gb10-unified")
    assert "shared with the system" in report("gb10-unified")
    assert "9.6 GiB of a MIG slice" in report("a100-mig")
    assert "limit 8.0 GiB by a control group, 5.0 GiB used" in report("kubernetes-pod")
    assert "(WSL 2, Microsoft guest)" in report("wsl2-rtx")
    assert "not used by the installed core" in report("wsl2-rtx")
    assert "does not load: it crashed with SIGILL" in report("core-crashes")


@pytest.mark.skipif(os.name != "posix", reason="pipes that close early")
def test_a_reader_that_leaves_is_not_a_failed_command(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        env = {**os.environ, "LABKIT_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "labkit", "doctor", "--quick"]
        result = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False, env=env)
    assert (result.returncode, result.stderr) == (141, "")


def capture_folder(tmp_path, name):
    return str(load_capture(name).write(tmp_path / name))


def test_a_captured_machine_has_a_report_that_says_where_it_is_from(tmp_path):
    folder = capture_folder(tmp_path, "rtx4070-xml-v12")
    result = doctor("--replay", folder, home=tmp_path / "home")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"replayed from {folder}\nMachine\n")
    assert "NVIDIA GeForce RTX 4070, 12.0 GiB" in result.stdout
    assert "not in the capture" in result.stdout
    assert not (tmp_path / "home").exists()


def test_a_captured_machine_as_json_and_toml_is_one_profile_and_a_summary(tmp_path):
    folder = capture_folder(tmp_path, "mac-m3-max-json")
    document = json.loads(doctor("--replay", folder, "--json", home=tmp_path).stdout)
    assert document["summary"]["perf_cores"] == 12
    profile = parse_profile(document, "json")
    assert (
        parse_profile(tomllib.loads(doctor("--replay", folder, "--profile", home=tmp_path).stdout), "toml") == profile
    )


def test_a_bundle_of_this_machine_replays_to_its_profile(tmp_path):
    path = tmp_path / "machine.zip"
    written = doctor("--bundle", str(path), home=tmp_path)
    assert written.returncode == 0, written.stderr
    assert "proc/meminfo" in written.stdout or sys.platform != "linux"
    assert "look through it before you share it" in written.stdout
    assert written.stdout.splitlines()[-1] == f"-> labkit doctor --replay {path}"
    here = json.loads(doctor("--quick", "--json", home=tmp_path).stdout)
    there = json.loads(doctor("--replay", str(path), "--json", home=tmp_path).stdout)
    for part in ("cpu", "gpus", "native_core", "tier"):
        for volatile in ("devices",):
            if part == "native_core":
                here[part].pop(volatile), there[part].pop(volatile)
        assert there[part] == here[part], part
    assert there["memory"]["physical_bytes"] == here["memory"]["physical_bytes"]
    assert there["os"]["release"] == here["os"]["release"]


def test_a_bundle_is_not_written_over_by_accident(tmp_path):
    path = tmp_path / "machine.zip"
    path.write_text("mine")
    refused = doctor("--bundle", str(path), home=tmp_path)
    assert refused.returncode == 2
    assert f"-> write over it: labkit doctor --bundle {path} --force" in refused.stderr
    assert path.read_text() == "mine"
    forced = doctor("--bundle", str(path), "--force", "--json", home=tmp_path)
    assert json.loads(forced.stdout)["files"]["README.txt"] > 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--replay", "missing"), "--bundle FILE"),
        (("--force",), "--bundle machine.zip --force"),
        (("--bundle", "x.zip", "--replay", "."), "--bundle x.zip"),
        (("--bundle", "none/x.zip"), "mkdir -p none"),
    ],
)
def test_wrong_words_are_usage_errors_with_a_hint(words, hint, tmp_path):
    result = doctor(*words, home=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert hint in result.stderr


def test_every_fact_has_a_row_with_its_origin(tmp_path):
    profile = detect_captured(load_capture("mac-m3-max-json").write(tmp_path)).profile
    rows = dict(source_rows(profile))
    assert rows["memory.physical_bytes"] == "68719476736 (reported: sysctl)"
    assert rows["memory.limit_bytes"] == "unknown"
    assert {f"gpus.0.{field}" for field in ("vendor", "name", "unified", "free_bytes")} <= rows.keys()
    assert not [path for path in profile.sources if path not in rows]
