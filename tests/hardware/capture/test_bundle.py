import dataclasses
import json
import tarfile
import zipfile

import pytest

from fakes.source import FakeSource, load_machine, machine_names
from labkit.errors import InputError
from labkit.hardware.capture import bundle
from labkit.hardware.capture.record import Recording, RecordingSource, run_support_commands
from labkit.hardware.capture.redact import Redactor
from labkit.hardware.captured import detect_captured
from labkit.hardware.detect import probe_machine
from labkit.hardware.problems import by_severity, find_problems
from labkit.hardware.source import CommandOutput, SystemCounters


def bundled(source, path, redactor=None):
    recording = bundle.collect(source, probe_machine, progress=lambda _: None)
    return bundle.write_bundle(path, bundle.lay_out(recording, redactor or Redactor(), "0.0"))


@pytest.mark.parametrize("name", machine_names())
def test_a_bundle_replays_to_the_same_machine(name, tmp_path):
    machine = load_machine(name)
    detected = probe_machine(machine)
    problems = by_severity([*detected.problems, *find_problems(detected)])
    bundled(load_machine(name), tmp_path / "b.zip", Redactor({"sorbonne": "host"}))
    replayed = detect_captured(tmp_path / "b.zip").profile
    assert replayed == dataclasses.replace(detected, problems=problems)


@pytest.mark.parametrize("name", ["b.zip", "b.tar.gz", "b.tgz", "folder"])
def test_every_form_holds_the_same(name, tmp_path):
    written = bundled(load_machine("rtx-4090-desktop"), tmp_path / name)
    assert detect_captured(tmp_path / name).profile.tier == "cuda"
    assert {"README.txt", "labkit-capture.json", "labkit-counters.json", "proc/meminfo"} <= written.files.keys()
    if name.endswith(".zip"):
        assert zipfile.ZipFile(tmp_path / name).namelist() == list(written.files)
    elif name.endswith("gz"):
        with tarfile.open(tmp_path / name) as archive:
            assert all(member.uname == "" and member.uid == 0 for member in archive)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_failed_attempt_and_the_one_that_worked_are_both_kept(tmp_path):
    machine = FakeSource(
        commands={
            "nvidia-smi --query-gpu=name,memory.total": CommandOutput(0, "name, memory.total [MiB]\nT4, 15360 MiB\n"),
            "nvidia-smi --query-gpu": CommandOutput(2, 'Field "x" is not a valid field to query.\n'),
            "lspci": CommandOutput(None, "start"),
            "rocminfo": CommandOutput(1, "", "no device"),
        }
    )

    def detect(source):
        for fields in ("x", "name,memory.total"):
            source.run(["nvidia-smi", f"--query-gpu={fields}"])

    recording = bundle.collect(machine, detect, progress=lambda _: None)
    files = bundle.lay_out(recording, Redactor(), "0.0")
    assert "T4" in files["nvidia-smi-query.csv"]
    assert files["commands/01-nvidia-smi-query-gpu-x.txt.exit"] == "2\n"
    assert files["lspci.txt.exit"] == "timeout\n"
    assert (files["rocminfo.txt"], files["rocminfo.txt.stderr"]) == ("", "no device")
    assert json.loads(files["labkit-capture.json"])["commands"]["lspci -nn"] == "lspci.txt"


def test_names_ids_and_other_peoples_mounts_are_gone_from_texts_and_file_names():
    pod = "6c1f9d2e-1234-4abc-9def-0123456789ab"
    recording = Recording(
        "Linux",
        {("lscpu",): CommandOutput(0, "Model name: X\n", "marie@sorbonne: warning")},
        {
            "/proc/self/mountinfo": (
                "30 1 0:26 / /media/marie/USB rw - vfat /dev/sdb1 rw\n"
                "31 1 0:27 / / rw - overlay overlay rw,lowerdir=/srv/curie/lower\n"
                f"32 1 8:1 /var/lib/kubelet/pods/{pod}/etc-hosts /etc/hosts rw - ext4 /dev/mapper/curie rw\n"
                "33 1 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
            ),
            "/proc/self/status": "Name:\tpython\nPid:\t4711\nCpus_allowed_list:\t0-3\n",
            "/proc/self/cgroup": f"0::/kubepods/pod{pod}\n",
            f"/sys/fs/cgroup/kubepods/pod{pod}/memory.max": "1024\n",
        },
        SystemCounters(physical_cores=4, release="6.8-sorbonne"),
    )
    files = bundle.lay_out(recording, Redactor({"marie": "user", "sorbonne": "host"}), "0.0")
    everything = json.dumps(files)
    for secret in ("marie", "sorbonne", "vfat", "4711", "lower", "curie", pod[:8]):
        assert secret not in everything
    group = files["proc/self/cgroup"].strip().removeprefix("0::/")
    assert files[f"sys/fs/cgroup/{group}/memory.max"] == "1024\n"
    assert "cgroup2" in files["proc/self/mountinfo"]
    assert "- overlay none rw" in files["proc/self/mountinfo"]
    assert "/var/lib/kubelet/pods/" in files["proc/self/mountinfo"]
    assert files["proc/self/status"] == "Cpus_allowed_list:\t0-3\n"


def test_of_a_system_in_another_language_only_amounts_of_memory_are_kept():
    told = "Registrierter Benutzer:         Marie\nGesamter physischer Speicher:   16.102 MB\n"
    recording = Recording("Windows", {("systeminfo",): CommandOutput(0, told, "")}, {}, SystemCounters())
    files = bundle.lay_out(recording, Redactor(), "0.0")
    assert files["systeminfo.txt"] == "Gesamter physischer Speicher:   16.102 MB\n"


def test_commands_of_the_layout_that_exist_are_run_once():
    machine = FakeSource(commands={"lspci": CommandOutput(0, "x"), "nvidia-smi": CommandOutput(0, "y")})
    recorder, said = RecordingSource(machine), []
    recorder.run(["nvidia-smi", "-q", "-x"])
    run_support_commands(recorder, progress=said.append)
    assert "lspci -nn" in said
    assert machine.asked.count("nvidia-smi -q -x") == 1
    assert ("lspci", "-nn") in recorder.recording.commands
    assert not any(line.startswith("python") for line in said)


def test_globbed_files_are_kept_also_when_nobody_reads_them():
    recorder = RecordingSource(FakeSource(files={"/sys/a/1": "x", "/sys/b/1": "y"}))
    recorder.glob("/sys/a/*")
    assert recorder.recording.files == {"/sys/a/1": "x"}


def test_a_file_is_written_over_only_when_told_and_a_folder_never(tmp_path):
    (tmp_path / "b.zip").write_text("mine")
    with pytest.raises(InputError, match="exists") as caught:
        bundle.check_target(tmp_path / "b.zip", force=False)
    assert "--force" in caught.value.hint
    bundle.check_target(tmp_path / "b.zip", force=True)
    with pytest.raises(InputError, match="not empty"):
        bundle.check_target(tmp_path, force=True)
    with pytest.raises(InputError, match="no folder"):
        bundle.check_target(tmp_path / "none" / "b.zip", force=False)
    bundle.check_target(tmp_path / "new", force=False)


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        bundle.write_bundle(tmp_path / "file" / "b.zip", {"a": "b"})
