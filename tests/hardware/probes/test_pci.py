import pytest

from fakes.captured_text import captured, cut_pieces
from fakes.source import FakeSource
from labkit.hardware.probes.pci import display_devices, hex_id, normal_slot, parse_lspci
from labkit.hardware.source import CommandOutput


def test_names_numbers_and_drivers_of_the_full_form():
    devices = parse_lspci(captured("lspci-nnk.txt"))
    assert [(device.slot, device.vendor, device.device_id, device.driver) for device in devices] == [
        ("0000:00:02.0", "intel", 0x7D55, "i915"),
        ("0000:01:00.0", "nvidia", 0x28A1, "nvidia"),
        ("0000:03:00.0", "amd", 0x7480, "amdgpu"),
        ("0000:c1:00.0", "amd", 0x74A1, None),
    ]
    assert devices[0].name == "Meteor Lake-P [Intel Arc Graphics]"
    assert devices[1].name == "AD107M [GeForce RTX 4050 Max-Q / Mobile]"


def test_a_neural_processor_is_no_graphics():
    assert "0000:00:0b.0" not in {device.slot for device in parse_lspci(captured("lspci-nnk.txt"))}


def test_quoted_words_blocks_and_bare_numbers():
    quoted, blocks, numbers = (parse_lspci(captured(f"lspci-{form}.txt")) for form in ("mm", "vmm", "n"))
    assert [device.name for device in quoted] == ["Raptor Lake-S GT1 [UHD Graphics 770]", "Battlemage G21 [Arc B580]"]
    assert [(device.slot, device.device_id, device.driver) for device in blocks] == [("0000:03:00.0", 0xE223, "xe")]
    assert [(device.slot, device.device_id) for device in numbers] == [
        ("0000:00:02.0", 0x4680),
        ("0000:03:00.0", 0x56A1),
    ]


def test_of_a_line_that_was_cut_the_numbers_stay_and_the_name_does_not():
    text = "03:00.0 VGA compatible controller [0300]: Intel Corporation DG2 [Arc A770] [8086:56a0] (rev"
    assert [(device.name, device.device_id) for device in parse_lspci(text)] == [(None, 0x56A0)]
    assert [(device.name, device.vendor) for device in parse_lspci(text[:62])] == [(None, "intel")]
    assert [device.name for device in parse_lspci(text.replace(" (rev", "\n"))] == ["DG2 [Arc A770]"]


@pytest.mark.parametrize("name", ["lspci-nnk.txt", "lspci-mm.txt", "lspci-vmm.txt", "lspci-n.txt"])
def test_cut_text_has_no_slot_that_the_whole_has_not(name):
    whole = {device.slot for device in parse_lspci(captured(name))}
    for piece in cut_pieces(captured(name)):
        assert {device.slot for device in parse_lspci(piece)} <= whole


def test_the_bus_is_read_first_and_lspci_gives_the_names():
    folder = "/sys/bus/pci/devices/0000:03:00.0"
    files = {f"{folder}/class": "0x030000", f"{folder}/vendor": "0x8086", f"{folder}/device": "0xe20b"}
    source = FakeSource(files=files, commands={"lspci": CommandOutput(0, captured("lspci-mm.txt"))})
    (device,) = display_devices(source, "intel")
    assert (device.name, device.device_id) == ("Battlemage G21 [Arc B580]", 0xE20B)
    assert display_devices(source, "amd") == ()


def test_lspci_is_not_run_for_a_bus_without_graphics():
    source = FakeSource(files={"/sys/bus/pci/devices/0000:00:00.0/class": "0x060000"})
    assert display_devices(source, "intel") == ()
    assert source.asked == []


@pytest.mark.parametrize(
    ("text", "slot"),
    [("00000000:C1:00.0", "0000:c1:00.0"), ("03:00.0", "0000:03:00.0"), ("0000:0A:00.0", "0000:0a:00.0"),
     ("N/A", None), ("", None), (None, None)],
)  # fmt: skip
def test_addresses(text, slot):
    assert normal_slot(text) == slot


def test_ids():
    assert [hex_id(text) for text in ("0x56a0", "7D55", "56a", "xyz1", None)] == [0x56A0, 0x7D55, None, None, None]
