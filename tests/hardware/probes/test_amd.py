import pytest

from fakes.captured_text import captured
from fakes.source import FakeSource
from labkit.hardware.probes.amd import join, probe_amd
from labkit.hardware.probes.amd_parts import AmdPart
from labkit.hardware.source import CommandOutput

GIB, MIB = 1024**3, 1024**2
VRAM = "/sys/class/drm/card0/device/mem_info_vram_total"


def gpus(files=None, **said):
    commands = {name.replace("_", "-"): CommandOutput(0, text) for name, text in said.items()}
    return probe_amd(FakeSource(files=files or {}, commands=commands)).value


def test_an_integrated_part_with_a_few_compute_units_is_left_out():
    lines = ["VRAM Total Memory (B): 34342961152", "GFX Version: gfx906", "Card Series: AMD Radeon Graphics"]
    weak = ["VRAM Total Memory (B): 536870912", "GFX Version: gfx90c", "Card Series: AMD Radeon Graphics"]
    text = "\n".join([f"GPU[0] : {line}" for line in lines] + [f"GPU[1] : {line}" for line in weak])
    source = FakeSource(commands={"rocm-smi": CommandOutput(0, text)})
    assert [gpu.memory_bytes for gpu in probe_amd(source).value] == [34342961152]


def test_a_large_carve_out_that_rocm_does_not_reach():
    source = FakeSource(
        files={VRAM: f"{96 * GIB}\n"}, commands={"rocminfo": CommandOutput(0, "Size:  16651264(0xfe1400) KB\n")}
    )
    finding = probe_amd(source)
    (gpu,) = finding.value
    assert (gpu.unified, gpu.memory_bytes, gpu.carve_out_bytes) == (True, 96 * GIB, 96 * GIB)
    assert gpu.free_bytes == 16651264 * 1024
    assert finding.sources["0.unified"].origin == "table"


def test_rocminfo_alone():
    (gpu,) = gpus(rocminfo=captured("rocminfo-strix-halo.txt"))
    assert (gpu.architecture, gpu.unified, gpu.memory_bytes) == ("gfx1151", True, 15859524 * 1024)


def test_amd_smi_alone():
    first, second = gpus(amd_smi=captured("amd-smi-static.json"))
    assert (first.name, first.memory_bytes, first.unified) == ("AMD Instinct MI300X", 196592 * MIB, False)
    assert first.pci_address != second.pci_address


def test_lspci_alone_tells_cards_and_no_memory():
    card, accelerator = gpus(lspci=captured("lspci-nnk.txt"))
    assert (card.memory_bytes, card.driver, card.unified) == (None, "amdgpu", False)
    assert accelerator.name == "AMD Aqua Vanjaram [Instinct MI300X]"


def test_a_nameless_carve_out_is_named_by_its_processor():
    (gpu,) = gpus({VRAM: str(64 * GIB), "/proc/cpuinfo": "model name\t: AMD RYZEN AI MAX+ 395 w/ Radeon 8060S\n"})
    assert (gpu.name, gpu.architecture, gpu.unified) == ("AMD Radeon 8060S", "gfx1151", True)


def test_a_card_is_not_named_by_the_processor_beside_it():
    (gpu,) = gpus({VRAM: str(24 * GIB - 16 * MIB), "/proc/cpuinfo": "model name\t: AMD Ryzen 7 w/ Radeon 780M\n"})
    assert (gpu.name, gpu.unified) == (None, False)


def test_of_another_tools_report_only_names_are_taken():
    source = FakeSource(files={"/labkit-capture/llm-checker.txt": captured("llm-checker.txt")})
    finding = probe_amd(source)
    (gpu,) = finding.value
    assert (gpu.name, gpu.architecture, gpu.unified, gpu.memory_bytes) == ("AMD Radeon 890M", "gfx1150", True, None)
    assert finding.sources["0.architecture"].source == "llm-checker's report"


def test_tools_are_not_asked_when_the_kernel_says_everything():
    folder = "/sys/class/drm/card0/device"
    files = {
        f"{folder}/mem_info_vram_total": str(24 * GIB - 16 * MIB),
        f"{folder}/product_name": "AMD Radeon PRO W7800",
        f"{folder}/uevent": "PCI_SLOT_NAME=0000:03:00.0",
        "/sys/class/kfd/kfd/topology/nodes/1/properties": "gfx_target_version 110000\nlocation_id 768\n",
    }
    source = FakeSource(files=files)
    assert [gpu.name for gpu in probe_amd(source).value] == ["AMD Radeon PRO W7800"]
    assert source.asked == []


@pytest.mark.parametrize("order", [1, -1])
def test_sources_are_joined_by_address_and_not_by_order(order):
    first = [AmdPart(pci_address="0000:03:00.0", vram_bytes=8 * GIB), AmdPart(pci_address="0000:0a:00.0")]
    second = [AmdPart(pci_address="0000:03:00.0", gfx="gfx1102"), AmdPart(pci_address="0000:0a:00.0", gfx="gfx1100")]
    assert [part.gfx for part in join(first, second[::order])] == ["gfx1102", "gfx1100"]


def test_what_contradicts_is_another_part():
    parts = join([AmdPart(gfx="gfx1100", vram_bytes=24 * GIB)], [AmdPart(gfx="gfx1036", vram_bytes=512 * MIB)])
    assert [part.gfx for part in parts] == ["gfx1100", "gfx1036"]
