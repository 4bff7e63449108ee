"""Machines by name: shipped ones, the user's own, and unambiguous parts of a name."""

import pytest

from labkit.errors import InputError
from labkit.hardware import HardwareProfile, find_profile, known_profiles, load_shipped_profiles, render_toml
from labkit.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(data_folder=tmp_path / "home")


def add(settings, name, profile):
    settings.profiles_folder.mkdir(parents=True, exist_ok=True)
    (settings.profiles_folder / name).write_text(render_toml(profile))


def test_tier_rules_are_no_machine(settings):
    assert "tiers" not in known_profiles(settings)
    assert known_profiles(settings).keys() == load_shipped_profiles().keys()


@pytest.mark.parametrize("wanted", ["rtx-4090-24gb", "rtx-4090", "RTX 4090", "4090"])
def test_an_unambiguous_part_of_a_name_is_enough(settings, wanted):
    assert find_profile(wanted, settings) == load_shipped_profiles()["rtx-4090-24gb"]


def test_a_part_of_several_names_lists_them(settings):
    with pytest.raises(InputError, match="several machines") as caught:
        find_profile("raspberry-pi-5", settings)
    assert "raspberry-pi-5-4gb, raspberry-pi-5-8gb" in caught.value.hint


@pytest.mark.parametrize(("wanted", "hint"), [("rtx-4900", "rtx-4090-24gb"), ("zzzzz", "raspberry-pi-5-8gb"), ("", "")])
def test_an_unknown_name_says_what_it_may_have_meant(settings, wanted, hint):
    with pytest.raises(InputError, match="no machine profile") as caught:
        find_profile(wanted, settings)
    assert hint in caught.value.hint


def test_a_users_own_profile_is_found_and_goes_first(settings):
    add(settings, "office.toml", HardwareProfile(name="Office"))
    add(settings, "rtx-4090-24gb.toml", HardwareProfile(name="Mine"))
    assert find_profile("office", settings).name == "Office"
    assert find_profile("rtx-4090-24gb", settings).name == "Mine"


def test_a_path_is_a_machine_too(settings, tmp_path):
    path = tmp_path / "some where.toml"
    path.write_text(render_toml(HardwareProfile(name="There")))
    assert find_profile(str(path), settings).name == "There"


def test_a_users_broken_file_harms_nobody_else(settings):
    settings.profiles_folder.mkdir(parents=True)
    (settings.profiles_folder / "broken.toml").write_text("tier = ")
    assert find_profile("rtx-4090", settings).tier == "cuda"
    with pytest.raises(InputError, match="broken"):
        find_profile("broken", settings)
