import pytest

from fakes.captured_text import captured, cut_pieces
from labkit.hardware.probes.xpu_smi import parse_xpu_smi

MIB = 1024**2


def test_a_table_with_two_devices():
    first, second = parse_xpu_smi(captured("xpu-smi-detail.txt"))
    assert (first.name, first.device_id, first.slot) == ("Intel(R) Arc(TM) B580 Graphics", 0xE20B, "0000:03:00.0")
    assert (first.memory_bytes, first.driver, second.device_id) == (12216 * MIB, "20.0.0", 0x7D55)


def test_json():
    (device,) = parse_xpu_smi(captured("xpu-smi-list.json"))
    assert (device.name, device.memory_bytes) == ("Intel(R) Arc(TM) A770 Graphics", 17079205888)


@pytest.mark.parametrize("name", ["xpu-smi-detail.txt", "xpu-smi-list.json"])
def test_cut_text_has_no_memory_that_the_whole_has_not(name):
    whole = {device.memory_bytes for device in parse_xpu_smi(captured(name))}
    for piece in cut_pieces(captured(name), 60):
        assert {device.memory_bytes for device in parse_xpu_smi(piece)} <= {*whole, None}


@pytest.mark.parametrize("text", [None, "", "No device discovered", "{}", "[1]", '{"device_list": 3}'])
def test_other_text_is_no_device(text):
    assert parse_xpu_smi(text) == []


def test_the_table_of_version_2():
    (device,) = parse_xpu_smi(captured("xpu-smi-status.txt"))
    assert (device.name, device.slot, device.memory_bytes) == (
        "Intel(R) Arc(TM) B580",
        "0000:03:00.0",
        12216 * MIB,
    )
