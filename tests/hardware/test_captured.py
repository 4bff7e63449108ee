"""Captured machines in the formats people send, whole and cut: what detection concludes, and that it never fails."""

import json
import random

import pytest

from fakes.captures import capture_names, load_capture
from labkit.errors import InputError, LabkitError
from labkit.hardware.captured import detect_captured
from labkit.hardware.document import parse_profile, to_plain

CUTS = 20


def check_whole(found):
    """Whatever a capture holds, the result is a valid profile of that machine alone."""
    document = json.loads(json.dumps(to_plain(found.profile) | {"summary": found.summary}))
    assert parse_profile(document, "capture") == found.profile
    assert found.profile.storage.free_bytes is None
    assert found.profile.measured is None
    assert found.profile.calibration is None


def test_there_are_enough_captures():
    assert len(capture_names()) >= 30


@pytest.mark.parametrize("name", capture_names())
def test_a_capture_leads_to_what_it_shows(name, tmp_path):
    capture = load_capture(name)
    found = detect_captured(capture.write(tmp_path / name))
    assert {key: found.summary[key] for key in capture.expect} == capture.expect
    assert [key for key in capture.unknown if found.summary[key] is not None] == []
    check_whole(found)


@pytest.mark.parametrize("name", capture_names())
def test_a_capture_that_was_cut_anywhere_leads_to_a_profile_or_a_clear_error(name, tmp_path):
    capture, chance = load_capture(name), random.Random(name)
    folder, refused = capture.write(tmp_path / name), []
    for path, data in capture.files.items():
        for _ in range(CUTS):
            (folder / path).write_bytes(data[: chance.randrange(len(data) + 1)])
            try:
                check_whole(detect_captured(folder))
            except LabkitError as error:
                refused.append(error)
        (folder / path).write_bytes(data)
    assert all(error.hint for error in refused)


@pytest.mark.parametrize("name", capture_names())
def test_bytes_of_all_kinds_in_place_of_a_file(name, tmp_path):
    capture, chance = load_capture(name), random.Random(name)
    folder = capture.write(tmp_path / name)
    for path, data in capture.files.items():
        spoiled = bytearray(data)
        for _ in range(1 + len(data) // 20):
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        (folder / path).write_bytes(bytes(spoiled))
    check_whole(detect_captured(folder))


def test_several_machines_are_shown_as_what_they_agree_on_and_named(tmp_path):
    found = detect_captured(load_capture("mac-two-studios").write(tmp_path / "c"))
    (note,) = [problem for problem in found.profile.problems if "several machines" in problem.what]
    assert "studio-a, studio-b" in note.what
    assert found.summary["perf_cores"] is None
    assert found.profile.cpu.efficiency_cores == 4


def test_a_part_that_only_one_of_several_machines_has_is_not_shown(tmp_path):
    found = detect_captured(load_capture("two-laptops-lspci").write(tmp_path / "c"))
    assert found.summary["vendor"] is None or found.summary["vendor"] == "intel"
    assert all(gpu.vendor != "nvidia" for gpu in found.profile.gpus)


def test_nothing_of_this_machine_is_in_a_replay(tmp_path):
    (tmp_path / "os-release").write_text("NAME=Other\n")
    profile = detect_captured(tmp_path).profile
    assert profile.native_core is None
    assert (profile.os.release, profile.os.python, profile.os.python_bits, profile.os.container) == (None,) * 4
    assert (profile.cpu.logical_cores, profile.cpu.model_name, profile.cpu.affinity_cores) == (None,) * 3
    assert (profile.memory.physical_bytes, profile.memory.budget_bytes) == (None, None)
    assert profile.gpus == ()


def test_without_a_description_of_the_core_nobody_knows_what_it_could_use(tmp_path):
    found = detect_captured(load_capture("rtx4070-xml-v12").write(tmp_path / "c")).profile
    assert found.native_core is None
    assert [gpu.usable for gpu in found.gpus] == [None]
    assert found.can_run_models
    assert not any("does not load" in problem.what for problem in found.problems)


def test_the_captured_core_is_the_one_that_counts(tmp_path):
    found = detect_captured(load_capture("labkit-bundle-rtx3060").write(tmp_path / "c")).profile
    assert found.tier == "cuda"
    assert [gpu.core_device for gpu in found.usable_gpus] == ["CUDA0"]
    assert found.os.python == "3.12.1"


def test_files_that_nobody_knows_are_named_and_no_error(tmp_path):
    (tmp_path / "notes.md").write_text("the fan is loud")
    (tmp_path / "blob.bin").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "meminfo").write_text("MemTotal: 1024000 kB\n")
    found = detect_captured(tmp_path)
    (note,) = [problem for problem in found.profile.problems if "no probe reads" in problem.what]
    assert "blob.bin, notes.md" in note.what
    assert found.summary["total_memory_kib"] == 1024000


def test_one_file_is_a_capture(tmp_path):
    data = load_capture("rtx4070-xml-v12").files["nvidia-smi-q-x.xml"]
    (tmp_path / "whatever.txt").write_bytes(data)
    assert detect_captured(tmp_path / "whatever.txt").summary["name"] == "NVIDIA GeForce RTX 4070"


def test_an_empty_and_a_missing_place_are_errors_with_a_hint(tmp_path):
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "missing"):
        with pytest.raises(InputError) as caught:
            detect_captured(place)
        assert "--bundle" in caught.value.hint


def test_a_folder_of_captures_asks_for_one_of_them(tmp_path):
    for name in ("rtx4070-xml-v12", "mac-m2-hardware-text"):
        load_capture(name).write(tmp_path / name)
    with pytest.raises(InputError, match="holds 2 captures") as caught:
        detect_captured(tmp_path)
    assert caught.value.hint.endswith("/mac-m2-hardware-text")


def test_a_profile_is_no_capture(tmp_path):
    (tmp_path / "machine.toml").write_text("schema_version = 1\n")
    with pytest.raises(InputError, match="is a profile"):
        detect_captured(tmp_path / "machine.toml")
