import json

import pytest

from fakes.captured_text import captured, cut_pieces
from labkit.hardware.probes.amd_tools import parse_amd_smi, parse_rocm_smi, sized

GIB, MIB = 1024**3, 1024**2
MEMORY = """
GPU[0]\t\t: VRAM Total Memory (B): 34342961152
GPU[0]\t\t: VRAM Total Used Memory (B): 342961152
GPU[1]\t\t: VRAM Total Memory (B): 536870912
"""
PRODUCT = """
GPU[0]\t\t: Card Series: \t\tAMD Radeon Graphics
GPU[0]\t\t: Card Model: \t\t0x66a0
GPU[0]\t\t: GFX Version: \t\tgfx906
GPU[1]\t\t: Card Series: \t\tAMD Radeon Graphics
GPU[1]\t\t: GFX Version: \t\tgfx90c
"""


def test_lines_of_two_reports_are_joined_by_the_number_of_the_card():
    card, integrated = parse_rocm_smi(MEMORY, PRODUCT)
    assert (card.name, card.vram_bytes, card.used_bytes) == ("AMD Radeon Graphics", 34342961152, 342961152)
    assert (card.gfx, card.device_id, integrated.gfx) == ("gfx906", 0x66A0, "gfx90c")


@pytest.mark.parametrize("key", ["Card series", "Card Series", "Device Name"])
def test_json_keys_of_several_releases(key):
    text = json.dumps({"card0": {key: "Navi 22", "VRAM Total Memory (B)": "12868124672"}, "system": {}})
    (part,) = parse_rocm_smi(text)
    assert (part.name, part.vram_bytes) == ("Navi 22", 12868124672)


def test_old_json_behind_a_warning_has_its_names_under_other_keys():
    first, second = parse_rocm_smi(captured("rocm-smi-json-old.txt"))
    assert (first.name, first.device_id, first.pci_address) == ("Vega 20", 0x66AF, "0000:0a:00.0")
    assert (second.vram_bytes, second.gtt_bytes, second.driver) == (25753026560, None, "5.18.13")


def test_csv_with_a_weak_part():
    card, weak = parse_rocm_smi(captured("rocm-smi-csv.txt"))
    assert (card.name, card.vram_bytes, card.gfx) == ("Radeon RX 7900 XT", 21458059264, "gfx1100")
    assert (weak.vram_bytes, weak.gfx) == (512 * MIB, "gfx1036")


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"card0": []}', '{"card0": {"VRAM Total Memory (B)": "much"}}', "", None]
)
def test_other_text_is_no_card(text):
    assert parse_rocm_smi(text) == []


def test_a_figure_that_was_cut_is_no_size():
    assert parse_rocm_smi("GPU[0] : VRAM Total Memory (B): 343429611") == []


def test_amd_smi_counts_in_mebibytes_and_numbers_in_dicts():
    parts = parse_amd_smi(captured("amd-smi-static.json"))
    assert [part.vram_bytes for part in parts] == [196592 * MIB] * 2
    assert [part.pci_address for part in parts] == ["0000:0c:00.0", "0000:22:00.0"]
    assert (parts[0].name, parts[0].gfx, parts[0].driver) == ("AMD Instinct MI300X", "gfx942", "6.8.5")


def test_amd_smi_as_text():
    card, weak = parse_amd_smi(captured("amd-smi-static.txt"))
    assert (card.name, card.vram_bytes, card.gfx) == ("AMD Radeon AI PRO R9700", 32624 * MIB, "gfx1201")
    assert (card.driver, card.pci_address) == ("6.14.14", "0000:65:00.0")
    assert (weak.gfx, weak.vram_bytes) == ("gfx1036", 512 * MIB)


def test_amd_smi_of_rocm_7_has_a_document_around_the_list():
    document = {"gpu_data": [{"gpu": 0, "mem_usage": {"total_vram": {"value": 24560, "unit": "MB"}}}]}
    (part,) = parse_amd_smi(json.dumps(document))
    assert part.vram_bytes == 24560 * MIB


@pytest.mark.parametrize("name", ["amd-smi-static.json", "amd-smi-static.txt"])
def test_cut_amd_smi_names_no_memory_that_is_not_there(name):
    whole = {part.vram_bytes for part in parse_amd_smi(captured(name))}
    for piece in cut_pieces(captured(name)):
        assert {part.vram_bytes for part in parse_amd_smi(piece)} <= {*whole, None}


@pytest.mark.parametrize("name", ["rocm-smi-json-old.txt", "rocm-smi-csv.txt"])
def test_cut_rocm_smi_names_no_memory_that_is_not_there(name):
    whole = {part.vram_bytes for part in parse_rocm_smi(captured(name))}
    for piece in cut_pieces(captured(name), 60):
        assert {part.vram_bytes for part in parse_rocm_smi(piece)} <= {*whole, None}


@pytest.mark.parametrize(
    ("text", "size"),
    [("196592 MB", 196592 * MIB), ({"value": 16, "unit": "GB"}, 16 * GIB), ("17163091968", 17163091968),
     ("196592", None), ("N/A", None), (None, None), ("1e999 MB", None)],
)  # fmt: skip
def test_sizes(text, size):
    assert sized(text) == size
