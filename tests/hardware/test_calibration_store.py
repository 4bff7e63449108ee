import json

import pytest

from fakes.calibrations import calibration
from labkit.errors import DataFolderError
from labkit.hardware import Cpu, HardwareProfile, parse_profile, render_toml
from labkit.hardware.calibration_store import keep_calibration, load_calibration, replaces
from labkit.hardware.document import to_plain
from labkit.hardware.measure import core_version, cpu_identity
from labkit.settings import load_settings

PROCESSOR = Cpu(model_name="a processor", physical_cores=4, logical_cores=8)


@pytest.fixture
def settings(tmp_path):
    return load_settings({"LABKIT_HOME": str(tmp_path)})


def own(**fields):
    return calibration(cpu=cpu_identity(PROCESSOR), **({"core_version": core_version()} | fields))


def test_it_comes_back_as_it_was_kept(settings):
    assert load_calibration(settings, PROCESSOR) is None
    keep_calibration(settings, own())
    assert load_calibration(settings, PROCESSOR) == own()


def test_another_processor_or_core_makes_it_void(settings):
    keep_calibration(settings, own())
    assert load_calibration(settings, Cpu(model_name="another", physical_cores=4)) is None
    assert load_calibration(settings, Cpu(model_name="a processor", physical_cores=4, affinity_cores=2)) is None
    assert load_calibration(settings, PROCESSOR, "0c1e570") == own()
    assert load_calibration(settings, PROCESSOR, "another") is None
    keep_calibration(settings, own(core_version="0.0.1"))
    assert load_calibration(settings, PROCESSOR) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"devices": []}', "\0\xff", "null"])
def test_a_damaged_file_is_none(settings, text):
    keep_calibration(settings, own()).write_text(text)
    assert load_calibration(settings, PROCESSOR) is None


def test_a_file_cut_anywhere_is_none(settings):
    path = keep_calibration(settings, own())
    whole = path.read_text()
    for length in range(0, len(whole) - 2, 97):
        path.write_text(whole[:length])
        assert load_calibration(settings, PROCESSOR) is None


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderError) as caught:
        keep_calibration(load_settings({"LABKIT_HOME": str(tmp_path / "file")}), own())
    assert "LABKIT_HOME" in caught.value.hint


def test_a_busy_time_does_not_replace_a_better_one():
    idle, busy, busier = (own(load_average=load) for load in (0.3, 6.0, 9.0))
    assert replaces(idle, None, PROCESSOR)
    assert replaces(busy, None, PROCESSOR)
    assert replaces(idle, idle, PROCESSOR)
    assert not replaces(busy, idle, PROCESSOR)
    assert replaces(idle, busy, PROCESSOR)
    assert replaces(busy, busier, PROCESSOR)
    assert not replaces(busier, busy, PROCESSOR)


def test_a_profile_carries_it_through_json_and_toml():
    import tomllib

    profile = HardwareProfile(name="mine", calibration=own())
    assert parse_profile(json.loads(json.dumps(to_plain(profile))), "json") == profile
    again = parse_profile(tomllib.loads(render_toml(profile)), "toml")
    assert again.calibration == profile.calibration
