from fakes.captured_text import captured, cut_pieces
from labkit.hardware.probes.amd_tables import parse_amd_smi_table, parse_concise_info
from labkit.hardware.probes.amd_tools import parse_amd_smi, parse_rocm_smi

MIB = 1024**2


def test_the_table_of_amd_smi():
    parts = parse_amd_smi(captured("amd-smi-table.txt"))
    assert [(part.name, part.pci_address) for part in parts] == [
        ("AMD Instinct MI355X", "0000:05:00.0"),
        ("AMD Instinct MI355X", "0000:15:00.0"),
    ]
    assert {(part.vram_bytes, part.used_bytes) for part in parts} == {(294896 * MIB, 283 * MIB)}


def test_a_part_whose_second_row_was_cut_has_no_memory():
    for piece in cut_pieces(captured("amd-smi-table.txt"), 60):
        assert {part.vram_bytes for part in parse_amd_smi_table(piece)} <= {None, 294896 * MIB}


def test_concise_info_has_the_ids():
    assert [part.device_id for part in parse_rocm_smi(captured("rocm-smi-concise.txt"))] == [0x7551, 0x164E]
    assert parse_concise_info("0    44.0c  118.0W  1300Mhz  0%") == []
