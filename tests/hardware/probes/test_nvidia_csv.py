import pytest

from labkit.hardware.probes.nvidia_csv import parse_query_csv

MIB = 1024**2


def sizes(text):
    return [(card.name, card.memory_bytes and card.memory_bytes // MIB) for card in parse_query_csv(text)]


FULL = (
    "name, pci.bus_id, memory.total [MiB], memory.free [MiB], memory.reserved [MiB], compute_cap, driver_version, "
    "mig.mode.current, addressing_mode, clocks.max.memory [MHz]\n"
    "Tesla T4, 00000000:00:04.0, 15360 MiB, 14918 MiB, 441 MiB, 7.5, 550.54.15, [N/A], None, 5001 MHz\n"
    "Tesla T4, 00000000:00:05.0, 15360 MiB, 3 MiB, 441 MiB, 7.5, 550.54.15, [N/A], None, 5001 MHz\n"
)


def test_every_field_of_two_equal_cards():
    first, second = parse_query_csv(FULL)
    assert (first.name, first.pci_address, second.pci_address) == ("Tesla T4", "0000:00:04.0", "0000:00:05.0")
    assert (first.memory_bytes, first.free_bytes, second.free_bytes) == (15360 * MIB, 14918 * MIB, 3 * MIB)
    assert (first.reserved_bytes, first.compute_capability, first.driver) == (441 * MIB, "7.5", "550.54.15")
    assert (first.mig, first.addressing_mode, first.memory_clock_mhz) == (False, None, 5001)
    assert (first.index, second.index, first.memory_absent) == (0, 1, None)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(" MiB", "").replace(" MHz", ""),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(", ", ","),
        lambda text: "\ufeff" + text.replace("\n", "\n\n"),
        lambda text: text + text,  # --loop prints everything again
        lambda text: text.rstrip("\n"),
        lambda text: "some warning\n" + text,
    ],
    ids=["nounits", "crlf", "tight", "blank lines", "loop", "no end", "warning"],
)
def test_other_layouts_of_the_same(change):
    cards = parse_query_csv(change(FULL))
    assert [card.memory_bytes for card in cards] == [15360 * MIB] * 2
    assert cards[1].free_bytes == 3 * MIB


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name,memory.total [MiB]\nH100,81559\nT4,15360\n", [("H100", 81559), ("T4", 15360)]),
        ("index, name, memory.used [MiB], memory.total [MiB], utilization.gpu [%]\n"
         "1, NVIDIA L4, 3 MiB, 23034 MiB, 0 %\n", [("NVIDIA L4", 23034)]),
        ("timestamp, name, pci.bus_id, driver_version, pstate, memory.total [MiB]\n"
         "2024/11/02 10:11:12.131, GRID T4-8Q, 00000000:02:00.0, 535.161.08, P0, 8192 MiB", [("GRID T4-8Q", 8192)]),
        ("uuid, gpu_name, memory.total [MiB]\nGPU-1, Tesla K80, 11441 MiB\nGPU-2, Tesla K80, 11441 MiB\n",
         [("Tesla K80", 11441)] * 2),
        ("name, memory.total [MiB]\nNVIDIA RTX PRO 6000 Blackwell Workstation Edition, 97887 MiB\n",
         [("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 97887)]),
        ("memory.total [MiB], memory.used [MiB], power.draw [W]\n[N/A], [N/A], 11.17 W\n", [(None, None)]),
        ("name, memory.total [MiB]\n[GPU is lost], [GPU is lost]\nTesla T4, 15360 MiB\n", [("Tesla T4", 15360)]),
        ("name, memory.total [MiB]\nTesla T4, [Unknown Error]\n", [("Tesla T4", None)]),
    ],
)  # fmt: skip
def test_captures_with_a_header(text, expected):
    assert sizes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ATS, [N/A], NVIDIA Thor", [("NVIDIA Thor", None)]),
        ("NVIDIA GB10, [N/A]\n", [("NVIDIA GB10", None)]),
        ("NVIDIA GeForce RTX 4090, 24564 MiB\n", [("NVIDIA GeForce RTX 4090", 24564)]),
        ("NVIDIA GeForce RTX 4090, 24564\nNVIDIA GeForce RTX 3090, 24576\n",
         [("NVIDIA GeForce RTX 4090", 24564), ("NVIDIA GeForce RTX 3090", 24576)]),
        ("0, NVIDIA A10G, 00000000:00:1E.0, 515.105.01, 23028 MiB, 22569 MiB\n", [("NVIDIA A10G", 23028)]),
        ("24576, 6, 8.6, NVIDIA GeForce RTX 3090, P8, Default, 35, Enabled\n", [("NVIDIA GeForce RTX 3090", 24576)]),
        ("2024/11/02 10:11:12.131, Tesla T4, P0, 441 MiB, 14919 MiB, 15360 MiB\n", [("Tesla T4", 15360)]),
        ("NVIDIA H100 80GB HBM3, 81559, 0, 81079, 9.0, 535.129.03, Disabled, None\n",
         [("NVIDIA H100 80GB HBM3", 81559)]),
        ("NVIDIA A100-SXM4-40GB\nNVIDIA A100-SXM4-40GB\n", [("NVIDIA A100-SXM4-40GB", None)] * 2),
        ("Orin (nvgpu), [N/A], 8.7\n", [("Orin (nvgpu)", None)]),
    ],
)  # fmt: skip
def test_captures_without_a_header(text, expected):
    assert sizes(text) == expected


def test_without_a_header_free_is_known_only_where_the_sizes_add_up():
    (card,) = parse_query_csv("Tesla T4, P0, 441 MiB, 14919 MiB, 15360 MiB\n")
    assert (card.used_bytes, card.free_bytes) == (441 * MIB, 14919 * MIB)
    (card,) = parse_query_csv("Tesla T4, 15360 MiB, 3 MiB\n")
    assert (card.used_bytes, card.free_bytes) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", ",,,\n", "name, memory.total [MiB]\n", "name\n", "No devices were found\n", "1, 2, 3\n",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that it runs.\n",
        "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.54\n",
        'Field "compute_cap" is not a valid field to query.\n', "bash: nvidia-smi: command not found\n",
        "\0\0", '"', '"name\n', "Enabled, Disabled\n", "https://developer.nvidia.com is, a page\n",
        "This is a sentence about GPUs, of which there are many, and of none in particular.\n",
    ],
)  # fmt: skip
def test_no_card_is_made_of_anything_else(text):
    assert parse_query_csv(text) == ()


@pytest.mark.parametrize("text", [FULL, FULL.replace("\n", "\r\n"), "ATS, [N/A], NVIDIA Thor\n"])
def test_a_text_cut_anywhere_gives_no_wrong_size(text):
    for end in range(len(text)):
        for card in parse_query_csv(text[:end]):
            assert card.memory_bytes in (None, 15360 * MIB)
            assert card.pci_address in (None, "0000:00:04.0", "0000:00:05.0")


@pytest.mark.parametrize(("end", "size"), [("2456", None), ("24564", 24564), ("24564 MiB", 24564), ("2456\n", 2456)])
def test_a_size_at_the_end_of_a_cut_text_is_none(end, size):
    for start in ("name, memory.total [MiB]\n", ""):
        cards = parse_query_csv(f"{start}NVIDIA GeForce RTX 4090, {end}")
        assert [card.memory_bytes for card in cards if card.memory_bytes] == ([size * 1024**2] if size else [])


def test_a_name_at_the_end_of_a_cut_text_is_one_that_is_known():
    assert [card.name for card in parse_query_csv("memory.total [MiB], name\n24564 MiB, NVIDIA GeForce RTX 40")] == [
        None
    ]
    assert [card.name for card in parse_query_csv("name\nNVIDIA GeForce RTX 4090")] == ["NVIDIA GeForce RTX 4090"]
