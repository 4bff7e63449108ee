import pytest

from fakes.captured_text import captured, cut_pieces
from labkit.hardware.probes.windows_text import parse_registry, parse_rows


def test_json_lists_and_single_objects():
    assert [row["name"] for row in parse_rows(captured("win32-video-controller.json"))][1] == "NVIDIA GeForce RTX 4090"
    assert parse_rows('{"Name": "X", "NumberOfCores": 8}') == [{"name": "X", "numberofcores": "8"}]


def test_a_table_of_wmic_has_columns_as_wide_as_its_headings():
    rows = parse_rows(captured("win32-video-controller-wmic.txt"))
    assert rows[0] == {
        "adapterram": "4293918720", "driverversion": "31.0.101.5590", "name": "Intel(R) Arc(TM) A770 Graphics"
    }  # fmt: skip
    assert (rows[2]["adapterram"], rows[2]["name"]) == ("", "Microsoft Remote Display Adapter")


def test_a_table_of_powershell_has_a_rule_below_its_headings():
    text = "\nName           AdapterRAM\n----           ----------\nIntel(R) Arc A 3221225472\n"
    assert parse_rows(text) == [{"name": "Intel(R) Arc A", "adapterram": "3221225472"}]


def test_lists_and_values():
    assert [row["name"] for row in parse_rows(captured("win32-video-controller-list.txt"))] == [
        "AMD Radeon 780M Graphics", "Microsoft Basic Display Adapter"
    ]  # fmt: skip
    assert parse_rows("\n\nAdapterRAM=4\nName=A\n\n\nAdapterRAM=5\nName=B\n") == [
        {"adapterram": "4", "name": "A"}, {"adapterram": "5", "name": "B"}
    ]  # fmt: skip


def test_comma_separated_rows():
    assert parse_rows("\nNode,AdapterRAM,Name\nPC,1024,A\n") == [{"node": "PC", "adapterram": "1024", "name": "A"}]
    quoted = '#TYPE Selected\n"Name","AdapterRAM"\n"B, C","2048"\n'
    assert parse_rows(quoted) == [{"name": "B, C", "adapterram": "2048"}]


def test_the_registry():
    text = "\nHKEY_LOCAL_MACHINE\\X\\0000\n    DriverDesc    REG_SZ    A card\n    Size    REG_QWORD    0x10\n"
    assert parse_registry(text) == {"HKEY_LOCAL_MACHINE\\X\\0000": {"DriverDesc": "A card", "Size": "0x10"}}


@pytest.mark.parametrize("text", [None, "", "\n\n", "nothing of it", "\ufeff", "{", "[]", "a,b", "---\n---"])
def test_other_text_has_no_rows_with_names(text):
    assert not any(row.get("name") for row in parse_rows(text))


def test_cut_text_is_read_as_far_as_it_goes():
    for name in ("win32-video-controller.json", "win32-video-controller-wmic.txt", "win32-video-controller-list.txt"):
        for piece in cut_pieces(captured(name)):
            assert isinstance(parse_rows(piece), list)
