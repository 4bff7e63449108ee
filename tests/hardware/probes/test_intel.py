import pytest

from fakes.captured_text import captured
from fakes.source import FakeSource
from labkit.hardware.probes.intel import probe_intel
from labkit.hardware.source import CommandOutput

MIB = 1024**2


def card(index, slot, device=None, **more):
    folder = f"/sys/class/drm/card{index}/device"
    files = {"vendor": "0x8086", "uevent": f"DRIVER=xe\nPCI_SLOT_NAME={slot}\n", **more}
    files |= {"device": device} if device else {}
    return {f"{folder}/{name}": text for name, text in files.items()}


def gpus(files=None, **said):
    commands = {name.replace("_", "-"): CommandOutput(0, text) for name, text in said.items()}
    return probe_intel(FakeSource(files=files or {}, commands=commands)).value


@pytest.mark.parametrize("file", ["tile0/physical_vram_size_bytes", "lmem_total_bytes"])
def test_the_memory_of_a_card_is_its_drivers(file):
    (gpu,) = gpus(card(1, "0000:03:00.0", "0x56a0", **{file: str(16225 * MIB)}))
    assert (gpu.name, gpu.memory_bytes, gpu.unified) == ("Intel Arc A770", 16225 * MIB, False)


def test_the_tiles_of_one_card_are_one_memory():
    files = card(1, "0000:03:00.0", "0x0bd5")
    files |= {f"/sys/class/drm/card1/device/tile{tile}/physical_vram_size_bytes": "0x1000000000\n" for tile in (0, 1)}
    (gpu,) = gpus(files)
    assert gpu.memory_bytes == 0x2000000000


def test_a_size_that_was_cut_is_unknown():
    (gpu,) = gpus(card(1, "0000:03:00.0", "0xe20b", **{"tile0/physical_vram_size_bytes": "0x2fb80000"}))
    assert (gpu.name, gpu.memory_bytes) == ("Intel Arc B580", None)


def test_lspci_alone_names_parts_and_no_memory():
    integrated, arc = gpus(lspci=captured("lspci-mm.txt"))
    assert (integrated.name, integrated.unified, integrated.memory_bytes) == ("Intel UHD Graphics 770", True, None)
    assert (arc.name, arc.unified, arc.memory_bytes) == ("Intel Arc B580", False, None)


def test_a_card_that_no_database_names_is_named_by_its_id():
    (gpu,) = gpus(lspci=captured("lspci-vmm.txt"))
    assert (gpu.name, gpu.pci_address, gpu.driver) == ("Intel Arc Pro B70", "0000:03:00.0", "xe")


def test_xpu_smi_fills_in_a_cards_memory_and_its_figure_for_an_integrated_part_is_not_believed():
    finding = probe_intel(
        FakeSource(
            commands={
                "lspci": CommandOutput(0, captured("lspci-mm.txt")),
                "xpu-smi": CommandOutput(0, captured("xpu-smi-detail.txt")),
            }
        )
    )
    integrated, arc = finding.value
    assert (integrated.memory_bytes, arc.memory_bytes) == (None, 12216 * MIB)
    assert finding.sources["1.memory_bytes"].source == "xpu-smi"
    assert finding.sources["1.name"].source == "lspci"


def test_xpu_smi_alone():
    arc, integrated = gpus(xpu_smi=captured("xpu-smi-detail.txt"))
    assert (arc.name, arc.memory_bytes, arc.unified) == ("Intel(R) Arc(TM) B580 Graphics", 12216 * MIB, False)
    assert (integrated.name, integrated.memory_bytes, integrated.unified) == ("Intel(R) Arc(TM) Graphics", None, True)


def test_the_same_machine_in_other_words_is_not_counted_twice():
    text = "| 0 | Device Type: GPU |\n|   | Device Name: Intel(R) Arc(TM) A770 Graphics |\n"
    parts = gpus(card(0, "0000:00:02.0") | card(1, "0000:03:00.0", "0x56a0"), xpu_smi=text)
    assert [gpu.unified for gpu in parts] == [True, False]


def test_an_outlet_of_a_card_is_no_card():
    files = {"/sys/class/drm/card0-HDMI-A-1/device/vendor": "0x8086"}
    assert gpus(files) == ()


@pytest.mark.parametrize("file", ["device/tile0/physical_vram_size_bytes", "lmem_total_bytes"])
def test_the_drivers_size_belongs_to_the_only_card_that_lspci_lists(file):
    source = FakeSource(
        files={f"/sys/class/drm/card0/{file}": f"{12216 * MIB}\n"},
        commands={"lspci": CommandOutput(0, captured("lspci-mm.txt"))},
    )
    finding = probe_intel(source)
    assert [(gpu.name, gpu.memory_bytes) for gpu in finding.value] == [
        ("Intel UHD Graphics 770", None),
        ("Intel Arc B580", 12216 * MIB),
    ]
    assert (finding.sources["1.memory_bytes"].source, finding.sources["1.name"].source) == ("sysfs", "lspci")


def test_the_drivers_size_alone_is_a_card():
    (gpu,) = gpus({"/sys/class/drm/card0/device/tile0/physical_vram_size_bytes": f"{12216 * MIB}\n"})
    assert (gpu.name, gpu.memory_bytes, gpu.unified) == (None, 12216 * MIB, False)
