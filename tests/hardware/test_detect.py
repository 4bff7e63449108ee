import os

import pytest

from fakes.source import load_machine
from labkit.hardware import detect_hardware
from labkit.hardware.detect import probe_storage
from labkit.hardware.source import SystemSource
from labkit.settings import Settings


def test_this_machine(tmp_path):
    found = detect_hardware(Settings(data_folder=tmp_path / "new"), measure=False)
    assert found.can_run_models
    assert (found.memory.physical_bytes or 0) >= (found.memory.budget_bytes or 0) > 0
    assert found.cpu.logical_cores == os.cpu_count()
    assert found.measured is None
    assert found.storage.writable
    assert not (tmp_path / "new").exists()


def test_a_measurement_is_shown_again_without_measuring(tmp_path):
    settings, machine = Settings(data_folder=tmp_path), load_machine("wsl2-bare")
    measured = detect_hardware(settings, source=machine).measured
    assert measured is not None
    assert detect_hardware(settings, measure=False, source=machine).measured == measured
    assert detect_hardware(settings, measure=False, source=load_machine("apple-m4")).measured is None


def test_a_folder_that_cannot_be_made_is_a_problem_and_not_a_crash(tmp_path):
    blocker = tmp_path / "file"
    blocker.touch()
    found = detect_hardware(Settings(data_folder=blocker / "data"), source=load_machine("wsl2-bare"))
    assert found.measured is not None
    assert found.storage.writable is False
    assert sum("LABKIT_HOME" in problem.fix for problem in found.problems) == 1


def test_a_machine_without_room_to_measure_says_so(tmp_path):
    crowded = load_machine("wsl2-bare")
    crowded.files["/proc/meminfo"] = "MemTotal: 8000000 kB\nMemAvailable: 100000 kB\n"
    found = detect_hardware(Settings(data_folder=tmp_path), source=crowded)
    assert found.measured is None
    assert any("too little memory" in problem.what for problem in found.problems)


def test_the_free_disk_of_a_folder_that_is_not_there_yet(tmp_path):
    storage = probe_storage(Settings(data_folder=tmp_path / "a" / "b" / "c"))
    assert (storage.free_bytes or 0) > 0
    assert storage.writable


def test_the_real_source_takes_absence_as_an_answer(tmp_path):
    source = SystemSource()
    assert source.run(["labkit-no-such-program"]) is None
    assert source.run(["", "\0"]) is None
    assert source.read(str(tmp_path)) is None
    assert source.read("\0") is None
    assert source.glob(f"{tmp_path}/nothing/*") == []


@pytest.mark.skipif(os.name != "posix", reason="needs sh")
def test_the_real_source_stops_a_command_in_time():
    source = SystemSource()
    late = source.run(["sh", "-c", "echo said; exec sleep 60"], timeout_seconds=0.5)
    assert late is not None
    assert (late.exit_code, late.stdout, late.succeeded) == (None, "said\n", False)
    failed = source.run(["sh", "-c", "printf '\\377' >&2; exit 3"])
    assert failed is not None
    assert (failed.exit_code, failed.stderr) == (3, "\ufffd")


def test_globbing_the_real_machine_finds_what_is_there(tmp_path):
    for name in ("card0", "card1", "other"):
        (tmp_path / name / "device").mkdir(parents=True)
        (tmp_path / name / "device" / "vendor").touch()
    found = SystemSource().glob(f"{tmp_path}/card*/device/vendor")
    assert found == [f"{tmp_path}/card{i}/device/vendor" for i in (0, 1)]


def test_a_users_table_of_devices_fills_in_and_a_wrong_one_is_a_problem(tmp_path):
    settings, machine = Settings(data_folder=tmp_path), load_machine("rtx-4090-desktop")
    settings.devices_folder.mkdir(parents=True)
    file = settings.devices_folder / "mine.json"
    row = '{"name": "NVIDIA GeForce RTX 4090", "vendor": "nvidia", "bandwidth_gb_per_second": 1100, "sources": ["me"]}'
    file.write_text(f'{{"sources": {{"me": "overclocked, by its own tool"}}, "devices": [{row}]}}', encoding="utf-8")
    found = detect_hardware(settings, measure=False, source=machine)
    assert found.gpus[0].peak_bandwidth_bytes_per_second == 1100e9
    fact = found.sources["gpus.0.peak_bandwidth_bytes_per_second"]
    assert (fact.origin, "overclocked" in fact.source) == ("table", True)
    file.write_text('{"devices": [{"name": "x", "speed": 5}], "sources": {}}', encoding="utf-8")
    found = detect_hardware(settings, measure=False, source=machine)
    assert found.gpus[0].peak_bandwidth_bytes_per_second == 1008e9
    assert any("devices.0.speed" in problem.what for problem in found.problems)


@pytest.mark.skipif(os.name != "posix", reason="needs sh")
def test_a_command_that_was_begun_is_not_run_again(tmp_path):
    command = ["sh", "-c", f"echo x >> {tmp_path}/ran; echo said"]
    source = SystemSource()
    source.begin(command)
    output = source.run(command)
    assert output is not None
    assert (output.exit_code, output.stdout) == (0, "said\n")
    assert (tmp_path / "ran").read_text() == "x\n"
    source.run(command)
    assert (tmp_path / "ran").read_text() == "x\nx\n"
    source.begin(["labkit-no-such-program"])
    assert source.run(["labkit-no-such-program"]) is None
