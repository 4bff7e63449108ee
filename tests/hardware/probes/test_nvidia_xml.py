import pytest

from labkit.hardware.probes.nvidia_card import Slice
from labkit.hardware.probes.nvidia_xml import parse_q_text, parse_xml

MIB = 1024**2


def report(*cards, driver="570.86.15", version="v12"):
    return (
        f'<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_{version}.dtd">\n<nvidia_smi_log>\n'
        f"\t<timestamp>Mon Feb  3 10:00:00 2025</timestamp>\n\t<driver_version>{driver}</driver_version>\n"
        f"\t<cuda_version>12.8</cuda_version>\n\t<attached_gpus>{len(cards)}</attached_gpus>\n"
        + "".join(cards)
        + "</nvidia_smi_log>\n"
    )


def memory(total, free, reserved=None):
    kept = f"<reserved>{reserved} MiB</reserved>" if reserved is not None else ""
    used = f"<used>{total - free} MiB</used>"
    return f"<fb_memory_usage><total>{total} MiB</total>{kept}{used}<free>{free} MiB</free></fb_memory_usage>\n"


def gpu(name, body, bus="00000000:01:00.0", mig="N/A", devices="None"):
    return (
        f'\t<gpu id="{bus}">\n\t\t<product_name>{name}</product_name>\n\t\t<product_brand>GeForce</product_brand>\n'
        f"\t\t<addressing_mode>HMM</addressing_mode>\n\t\t<mig_mode>\n\t\t\t<current_mig>{mig}</current_mig>\n"
        f"\t\t</mig_mode>\n\t\t<mig_devices>{devices}</mig_devices>\n"
        f"\t\t<pci>\n\t\t\t<pci_bus_id>{bus}</pci_bus_id>\n\t\t</pci>\n\t\t{body}"
        "\t\t<bar1_memory_usage><total>256 MiB</total><free>200 MiB</free></bar1_memory_usage>\n"
        "\t\t<max_clocks><mem_clock>10501 MHz</mem_clock></max_clocks>\n\t</gpu>\n"
    )


TWO = report(
    gpu("NVIDIA GeForce RTX 4090", memory(24564, 23000, 443)),
    gpu("NVIDIA GeForce RTX 3060", memory(12288, 12000, 240), "00000000:05:00.0"),
)
SLICE = f"<mig_device><index>0</index>{memory(19968, 19955, 0)}</mig_device>"


def test_two_unlike_cards():
    first, second = parse_xml(TWO)
    assert (first.name, first.memory_bytes, first.free_bytes) == ("NVIDIA GeForce RTX 4090", 24564 * MIB, 23000 * MIB)
    assert (first.reserved_bytes, first.driver, first.memory_clock_mhz) == (443 * MIB, "570.86.15", 10501)
    assert (first.mig, first.addressing_mode, first.pci_address) == (False, "HMM", "0000:01:00.0")
    assert (second.name, second.index, second.pci_address) == ("NVIDIA GeForce RTX 3060", 1, "0000:05:00.0")


def test_the_schema_of_2019_without_reserved_memory_and_migs():
    old = (
        "<nvidia_smi_log><driver_version>418.43</driver_version><gpu id='00000000:43:00.0'>"
        f"<product_name>GeForce GTX 1660 Ti</product_name>{memory(5912, 5900)}</gpu></nvidia_smi_log>"
    )
    (card,) = parse_xml(old)
    assert (card.memory_bytes, card.reserved_bytes, card.mig) == (5912 * MIB, None, None)
    assert (card.driver, card.pci_address) == ("418.43", "0000:43:00.0")


@pytest.mark.parametrize(
    ("devices", "slices"),
    [
        (SLICE * 2, (Slice(19968 * MIB, 19955 * MIB),) * 2),
        ("\n\t\t\tNone\n", ()),
    ],
)
def test_slices_of_a_partitioned_card(devices, slices):
    (card,) = parse_xml(report(gpu("NVIDIA A100-SXM4-80GB", memory(81920, 80000, 700), mig="Enabled", devices=devices)))
    assert (card.mig, card.slices) == (True, slices)
    assert card.memory_bytes == 81920 * MIB


def test_a_report_cut_among_the_slices_does_not_say_that_there_are_none():
    text = report(gpu("NVIDIA A100-SXM4-80GB", memory(81920, 80000), mig="Enabled", devices=SLICE * 2))
    (card,) = parse_xml(text[: text.index("<mig_device>") + 20])
    assert (card.mig, card.slices, card.complete) == (True, None, False)
    (card,) = parse_xml(text[: text.index("</mig_device>") + 15])
    assert card.slices == (Slice(19968 * MIB, 19955 * MIB),)


def test_a_report_cut_anywhere_gives_what_is_whole():
    for end in range(len(TWO)):
        for card in parse_xml(TWO[:end]):
            assert card.name in ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 3060")
            assert card.memory_bytes in (None, 24564 * MIB, 12288 * MIB)
            assert card.free_bytes in (None, 23000 * MIB, 12000 * MIB)
    whole = TWO.index("</gpu>") + len("</gpu>")
    assert [card.memory_bytes for card in parse_xml(TWO[:whole])] == [24564 * MIB]


@pytest.mark.parametrize(
    "text",
    [
        "", "<", "<nvidia_smi_log>", "<a/>", "no xml", "<gpu><product_name>N/A</product_name></gpu>", "\0<gpu>",
        '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><x>&b;</x>', "<gpu>" * 2000,
    ],
)  # fmt: skip
def test_no_card_is_made_of_anything_else(text):
    assert parse_xml(text) == ()


def test_text_before_the_report_and_control_characters_in_it():
    assert len(parse_xml("WARNING: infoROM is corrupted\n" + TWO.replace("HMM", "H\0MM"))) == 2


@pytest.mark.parametrize(
    ("total", "absent"), [("N/A", True), ("Not Supported", True), ("ERR!", False), ("Unknown Error", False)]
)
def test_no_size_is_told_from_an_error(total, absent):
    body = f"<fb_memory_usage><total>{total}</total><free>{total}</free></fb_memory_usage>"
    (card,) = parse_xml(report(gpu("NVIDIA GB10", body)))
    assert (card.memory_bytes, card.memory_absent) == (None, absent)


Q_TEXT = """
==============NVSMI LOG==============

Timestamp                                 : Mon Feb  3 10:00:00 2025
Driver Version                            : 550.54.15
CUDA Version                              : 12.4

Attached GPUs                             : 2
GPU 00000000:01:00.0
    Product Name                          : NVIDIA A100-SXM4-40GB
    Product Brand                         : NVIDIA
    Addressing Mode                       : None
    MIG Mode
        Current                           : Enabled
        Pending                           : Enabled
    MIG Device
        Index                             : 0
        GPU Instance ID                   : 1
        Device Attributes
            Shared
                Multiprocessor count      : 42
        FB Memory Usage
            Total                         : 20096 MiB
            Reserved                      : 0 MiB
            Used                          : 19 MiB
            Free                          : 20077 MiB
        BAR1 Memory Usage
            Total                         : 32767 MiB
    PCI
        Bus                               : 0x01
        Bus Id                            : 00000000:01:00.0
    FB Memory Usage
        Total                             : 40960 MiB
        Reserved                          : 571 MiB
        Used                              : 19 MiB
        Free                              : 40369 MiB
    Max Clocks
        Graphics                          : 1410 MHz
        Memory                            : 1215 MHz
GPU 00000000:02:00.0
    Product Name                          : NVIDIA GeForce RTX 3090
    MIG Mode
        Current                           : N/A
    FB Memory Usage
        Total                             : 24576 MiB
        Free                              : 24258 MiB
    BAR1 Memory Usage
        Total                             : 256 MiB
        Free                              : 250 MiB
"""


def test_the_same_report_as_text():
    first, second = parse_q_text(Q_TEXT)
    assert (first.name, first.mig, first.slices) == ("NVIDIA A100-SXM4-40GB", True, (Slice(20096 * MIB, 20077 * MIB),))
    assert (first.memory_bytes, first.reserved_bytes, first.driver) == (40960 * MIB, 571 * MIB, "550.54.15")
    assert (first.memory_clock_mhz, first.pci_address) == (1215, "0000:01:00.0")
    assert (second.name, second.memory_bytes, second.free_bytes) == (
        "NVIDIA GeForce RTX 3090",
        24576 * MIB,
        24258 * MIB,
    )
    assert (second.mig, second.index, second.pci_address) == (False, 1, "0000:02:00.0")


def test_the_report_as_text_cut_between_any_two_lines():
    lines = Q_TEXT.splitlines(keepends=True)
    for end in range(len(lines)):
        for card in parse_q_text("".join(lines[:end])):
            assert card.memory_bytes in (None, 40960 * MIB, 24576 * MIB)
            assert card.slices in (None, (Slice(20096 * MIB),), (Slice(20096 * MIB, 20077 * MIB),))
