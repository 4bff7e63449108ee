import json

import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.amd import gfx_name, parse_rocm_smi, probe_amd
from labkit.hardware.source import CommandOutput

MEMORY = """
GPU[0]\t\t: VRAM Total Memory (B): 34342961152
GPU[0]\t\t: VRAM Total Used Memory (B): 342961152
GPU[1]\t\t: VRAM Total Memory (B): 536870912
"""
PRODUCT = """
GPU[0]\t\t: Card Series: \t\tAMD Radeon Graphics
GPU[0]\t\t: GFX Version: \t\tgfx906
GPU[1]\t\t: Card Series: \t\tAMD Radeon Graphics
GPU[1]\t\t: GFX Version: \t\tgfx90c
"""


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (90006, "gfx906"),
        (90010, "gfx90a"),
        (90012, "gfx90c"),
        (101306, "gfx10d6"),
        (110003, "gfx1103"),
        (110501, "gfx1151"),
    ],
)
def test_gfx_names(version, name):
    assert gfx_name(version) == name


def test_lines_of_two_reports_are_joined_and_gfx_tells_cards_of_one_name_apart():
    card, integrated = parse_rocm_smi(MEMORY, PRODUCT)
    assert (card.name, card.memory_bytes, card.free_bytes, card.unified) == (
        "AMD Radeon Graphics",
        34342961152,
        34000000000,
        False,
    )
    assert (integrated.unified, integrated.free_bytes) == (True, None)


def test_an_integrated_part_with_a_few_compute_units_is_left_out():
    source = FakeSource(commands={"rocm-smi": CommandOutput(0, MEMORY + PRODUCT)})
    assert [gpu.memory_bytes for gpu in probe_amd(source).value] == [34342961152]


@pytest.mark.parametrize("key", ["Card series", "Card Series", "Device Name"])
def test_json_keys_of_several_releases(key):
    text = json.dumps({"card0": {key: "Navi 22", "VRAM Total Memory (B)": "12868124672"}, "system": {}})
    (gpu,) = parse_rocm_smi(text)
    assert (gpu.name, gpu.memory_bytes, gpu.unified) == ("Navi 22", 12868124672, None)


@pytest.mark.parametrize("text", ["[]", "{}", '{"card0": []}', '{"card0": {"VRAM Total Memory (B)": "much"}}'])
def test_other_json_is_no_card_with_a_size(text):
    assert all(gpu.memory_bytes is None for gpu in parse_rocm_smi(text))


def test_cards_of_sysfs_are_told_apart_by_their_slots():
    def card(index, slot, total):
        folder = f"/sys/class/drm/card{index}/device"
        return {
            f"{folder}/vendor": "0x1002",
            f"{folder}/mem_info_vram_total": str(total),
            f"{folder}/mem_info_vram_used": "1000",
            f"{folder}/mem_info_gtt_total": "99999999999",
            f"{folder}/uevent": f"DRIVER=amdgpu\nPCI_SLOT_NAME={slot}\n",
        }

    def node(index, gfx, location):
        text = f"gfx_target_version {gfx}\nlocation_id {location}\n"
        return {f"/sys/class/kfd/kfd/topology/nodes/{index}/properties": text}

    files = card(0, "0000:03:00.0", 24 * 1024**3) | card(1, "0000:0a:00.0", 512 * 1024**2)
    files |= node(1, 110000, 0x0300) | node(2, 100306, 0x0A00)
    (gpu,) = probe_amd(FakeSource(files=files)).value
    assert (gpu.memory_bytes, gpu.architecture, gpu.unified) == (24 * 1024**3, "gfx1100", False)
    assert gpu.free_bytes == 24 * 1024**3 - 1000
