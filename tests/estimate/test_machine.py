"""From a hardware profile to the estimator's view: nothing invented, unlike devices not added up."""

from labkit.estimate import machine_from_profile
from labkit.hardware import (
    BandwidthMeasurement,
    Cpu,
    Gpu,
    HardwareProfile,
    Memory,
    ThreadBandwidth,
    load_shipped_profiles,
)
from labkit.units import GIB


def profile(**parts):
    return HardwareProfile(**parts)


def test_a_measured_bandwidth_goes_before_a_table():
    measured = BandwidthMeasurement((ThreadBandwidth(1, 10e9), ThreadBandwidth(4, 30e9)), 1, "2026-01-01")
    memory = Memory(budget_bytes=8 * GIB, peak_bandwidth_bytes_per_second=50e9)
    machine = machine_from_profile(profile(memory=memory, measured=measured, cpu=Cpu(physical_cores=4)))
    assert (machine.ram_bandwidth_bytes_per_second, machine.ram_bandwidth_source) == (30e9, "measured")
    assert machine.ram_budget_bytes == 8 * GIB
    assert machine.physical_cores == 4
    from_table = machine_from_profile(profile(memory=memory))
    assert (from_table.ram_bandwidth_bytes_per_second, from_table.ram_bandwidth_source) == (50e9, "table")
    assert machine_from_profile(profile()).ram_bandwidth_source == "unknown"


def test_a_budget_is_assumed_only_when_nothing_better_is_known_and_says_so():
    known = machine_from_profile(profile(memory=Memory(physical_bytes=16 * GIB, available_bytes=9 * GIB)))
    assert (known.ram_budget_bytes, known.assumptions) == (9 * GIB, ())
    assumed = machine_from_profile(profile(memory=Memory(physical_bytes=16 * GIB)))
    assert assumed.ram_budget_bytes == 12 * GIB
    assert assumed.assumptions
    assert machine_from_profile(profile()).ram_budget_bytes is None


def card(**changes):
    facts = {"vendor": "nvidia", "name": "RTX", "memory_bytes": 12 * GIB, "free_bytes": 11 * GIB, "usable": True}
    return Gpu(**(facts | changes))


def test_equal_cards_are_added_up_and_unlike_ones_are_not():
    machine = machine_from_profile(profile(gpus=(card(), card(), card(name="Old", free_bytes=4 * GIB))))
    assert [(device.name, device.count, device.budget_bytes) for device in machine.devices] == [
        ("RTX", 2, 22 * GIB), ("Old", 1, 4 * GIB),
    ]  # fmt: skip


def test_without_a_core_the_cards_of_the_tier_are_counted():
    gpus = (card(name="Fitting", usable=None), card(name="Other", vendor="amd", usable=None), card(usable=False))
    assert [device.name for device in machine_from_profile(profile(tier="cuda", gpus=gpus)).devices] == ["Fitting"]
    assert machine_from_profile(profile(tier="cpu", gpus=gpus)).devices == ()


def test_cards_the_core_cannot_use_are_left_out():
    gpus = (
        card(usable=False),
        card(name="Unsure", usable=None),
        card(name="Blank", memory_bytes=None, free_bytes=None),
    )
    machine = machine_from_profile(profile(gpus=gpus))
    assert machine.devices == ()
    assert "Blank is left out: its memory is not known" in machine.assumptions


def test_a_card_of_which_only_the_size_is_known_drives_a_display():
    machine = machine_from_profile(profile(gpus=(card(free_bytes=None),)))
    assert machine.devices[0].budget_bytes == 11.5 * GIB


def test_every_shipped_profile_has_a_budget_and_a_rate():
    profiles = load_shipped_profiles()
    assert profiles
    for name, found in profiles.items():
        machine = machine_from_profile(found)
        assert machine.ram_budget_bytes, name
        assert machine.devices or machine.ram_bandwidth_source != "unknown", name
        assert all(device.bandwidth_bytes_per_second for device in machine.devices), name
