import pytest

from fakes.source import FakeSource, load_machine
from labkit.hardware.probes.power import parse_pmset, probe_power


def supplies(**values):
    """name -> its files, as "type=Mains online=1"."""
    files = {}
    for name, text in values.items():
        for word in text.split():
            key, _, value = word.partition("=")
            files[f"/sys/class/power_supply/{name}/{key}"] = value.replace("_", " ") + "\n"
    return FakeSource(files=files)


@pytest.mark.parametrize(
    ("found", "source"),
    [
        ({"AC": "type=Mains online=1", "BAT0": "type=Battery status=Charging"}, "mains"),
        ({"AC": "type=Mains online=0", "BAT0": "type=Battery status=Discharging"}, "battery"),
        ({"ucsi": "type=USB online=1", "BAT0": "type=Battery status=Full"}, "mains"),
        ({"BAT0": "type=Battery status=Discharging"}, "battery"),
        ({"BAT0": "type=Battery status=Not_charging"}, "mains"),
        ({"AC": "type=Mains online=0", "BAT0": "type=Battery status=Unknown"}, "battery"),
        ({"mouse": "type=Battery scope=Device status=Discharging"}, None),
        ({}, None),
    ],
)
def test_supplies_of_linux(found, source):
    assert probe_power(supplies(**found)) == source


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Now drawing from 'AC Power'\n -InternalBattery-0\t100%; charged\n", "mains"),
        ("Now drawing from 'Battery Power'\n", "battery"),
        ("Now drawing from 'UPS Power'\n", None),
        (None, None),
    ],
)
def test_pmset(text, source):
    assert parse_pmset(text) == source


def test_captured_machines():
    assert probe_power(load_machine("apple-m5-max")) == "battery"
    assert probe_power(load_machine("asahi-m1-pro")) == "battery"
    assert probe_power(load_machine("ryzen-dense-cores")) == "mains"
