import pytest

from labkit.hardware.probes.nvidia_card import Slice
from labkit.hardware.probes.nvidia_table import parse_list, parse_table

MIB = 1024**2

DRIVER_418 = """\
Fri Mar 29 19:19:44 2019
+-----------------------------------------------------------------------------+
| NVIDIA-SMI 418.43       Driver Version: 418.43       CUDA Version: 10.1     |
|-------------------------------+----------------------+----------------------+
| GPU  Name        Persistence-M| Bus-Id        Disp.A | Volatile Uncorr. ECC |
| Fan  Temp  Perf  Pwr:Usage/Cap|         Memory-Usage | GPU-Util  Compute M. |
|===============================+======================+======================|
|   0  Tesla K80           Off  | 00000000:00:04.0 Off |                    0 |
| N/A   37C    P0    58W / 149W |      0MiB / 11441MiB |      0%      Default |
+-------------------------------+----------------------+----------------------+
|   1  Tesla K80           Off  | 00000000:00:05.0 Off |                    0 |
| N/A   31C    P0    73W / 149W |   2048MiB / 11441MiB |     97%      Default |
+-------------------------------+----------------------+----------------------+
|   2  GeForce RTX 208...  Off  | 00000000:0B:00.0  On |                  N/A |
| 30%   45C    P8    12W / 260W |    512MiB / 11019MiB |      2%      Default |
+-------------------------------+----------------------+----------------------+

+-----------------------------------------------------------------------------+
| Processes:                                                       GPU Memory |
|  GPU       PID   Type   Process name                             Usage      |
|=============================================================================|
|    2      1234      G   /usr/lib/xorg/Xorg                            512MiB |
+-----------------------------------------------------------------------------+
"""
DRIVER_470 = """\
+-----------------------------------------------------------------------------+
| NVIDIA-SMI 470.82.01    Driver Version: 470.82.01    CUDA Version: 11.4     |
|-------------------------------+----------------------+----------------------+
| GPU  Name        Persistence-M| Bus-Id        Disp.A | Volatile Uncorr. ECC |
| Fan  Temp  Perf  Pwr:Usage/Cap|         Memory-Usage | GPU-Util  Compute M. |
|                               |                      |               MIG M. |
|===============================+======================+======================|
|   0  NVIDIA A100-SXM...  On   | 00000000:07:00.0 Off |                   On |
| N/A   30C    P0    43W / 400W |     25MiB / 81251MiB |     N/A      Default |
|                               |                      |              Enabled |
+-------------------------------+----------------------+----------------------+
|   1  NVIDIA A100-SXM...  On   | 00000000:0F:00.0 Off |                    0 |
| N/A   30C    P0    43W / 400W |      0MiB / 81251MiB |      0%      Default |
|                               |                      |             Disabled |
+-------------------------------+----------------------+----------------------+

+-----------------------------------------------------------------------------+
| MIG devices:                                                                |
+------------------+----------------------+-----------+-----------------------+
| GPU  GI  CI  MIG |         Memory-Usage |        Vol|         Shared        |
|      ID  ID  Dev |           BAR1-Usage | SM     Unc| CE  ENC  DEC  OFA  JPG|
|                  |                      |        ECC|                       |
|==================+======================+===========+=======================|
|  0    1   0   0  |     19MiB / 40192MiB | 42      0 |  3   0    2    0    0 |
|                  |      1MiB / 65535MiB |           |                       |
+------------------+----------------------+-----------+-----------------------+
|  0    5   0   1  |      6MiB / 19968MiB | 28      0 |  2   0    1    0    0 |
|                  |      0MiB / 32767MiB |           |                       |
+------------------+----------------------+-----------+-----------------------+
"""
WINDOWS_551 = """\
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 551.23                 Driver Version: 551.23         CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
| GPU  Name                     TCC/WDDM  | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
|   0  NVIDIA GeForce RTX 4090      WDDM  |   00000000:01:00.0  On |                  Off |
|  0%   41C    P8             18W /  450W |    1536MiB /  24564MiB |      3%      Default |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
"""
DRIVER_580 = """\
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 580.95.05              Driver Version: 580.95.05      CUDA Version: 13.0     |
+-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
|   0  NVIDIA H100 80GB HBM3          On  |   00000000:18:00.0 Off |                    0 |
| N/A   31C    P0             70W /  700W |       0MiB /  81559MiB |      0%      Default |
|                                         |                        |             Disabled |
+-----------------------------------------+------------------------+----------------------+
|   1  NVIDIA RTX PRO 6000 Blac...    On  |   00000000:2A:00.0 Off |                  Off |
|ERR!  ERR! ERR!             N/A  / ERR! |       1MiB /  97887MiB |    ERR!      Default |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
|   2  Orin (nvgpu)                  N/A  | N/A                N/A |                  N/A |
| N/A   N/A  N/A               N/A /  N/A | Not Supported          |     N/A          N/A |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
|   3  NVIDIA GH200 480GB             On  |   00000009:01:00.0 Off |                    0 |
| N/A   27C    P0             85W /  900W |    1184MiB /  97871MiB |      0%      Default |
|                                         |                        |             Disabled |
+-----------------------------------------+------------------------+----------------------+
"""


def rows(text):
    return [(card.index, card.name, card.memory_bytes and card.memory_bytes // MIB) for card in parse_table(text)]


def test_a_table_of_2019_with_the_two_chips_of_one_board():
    assert rows(DRIVER_418) == [(0, "Tesla K80", 11441), (1, "Tesla K80", 11441), (2, "GeForce RTX 208...", 11019)]
    card = parse_table(DRIVER_418)[1]
    assert (card.used_bytes, card.driver, card.pci_address) == (2048 * MIB, "418.43", "0000:00:05.0")
    assert not card.cut_name
    assert parse_table(DRIVER_418)[2].cut_name


def test_slices_in_the_table():
    first, second = parse_table(DRIVER_470)
    assert first.slices == (Slice(40192 * MIB, 40173 * MIB), Slice(19968 * MIB, 19962 * MIB))
    assert (first.mig, second.mig, second.slices) == (True, False, None)
    head = DRIVER_470.partition("| GPU  GI")[0]
    assert parse_table(head)[0].slices is None
    assert parse_table(f"{head}|  No MIG devices found  |\n")[0].slices == ()


def test_windows_prints_the_drivers_model_instead_of_persistence():
    assert rows(WINDOWS_551) == [(0, "NVIDIA GeForce RTX 4090", 24564)]


def test_new_tables_with_errors_unified_parts_and_cut_names():
    assert rows(DRIVER_580) == [
        (0, "NVIDIA H100 80GB HBM3", 81559),
        (1, "NVIDIA RTX PRO 6000 Blac...", 97887),
        (2, "Orin (nvgpu)", None),
        (3, "NVIDIA GH200 480GB", 97871),
    ]
    orin = parse_table(DRIVER_580)[2]
    assert (orin.memory_absent, orin.pci_address, orin.driver) == (True, None, "580.95.05")


@pytest.mark.parametrize("text", [DRIVER_418, DRIVER_470, WINDOWS_551, DRIVER_580], ids=["418", "470", "551", "580"])
def test_a_table_cut_anywhere_gives_no_wrong_size(text):
    whole = {card.index: card for card in parse_table(text)}
    for end in range(len(text)):
        for card in parse_table(text[:end]):
            assert card.index is not None
            expected = whole[card.index]
            assert card.memory_bytes in (None, expected.memory_bytes)
            assert card.name == expected.name
            assert set(card.slices or ()) <= set(expected.slices or ())


def test_a_table_with_windows_line_ends():
    assert rows(DRIVER_580.replace("\n", "\r\n")) == rows(DRIVER_580)


@pytest.mark.parametrize("text", ["", "|", "+--+", "| 0 |", "| 1  2  3  4 | 5MiB / 6MiB |", "|  GPU  Name | x |"])
def test_no_card_is_made_of_anything_else(text):
    assert parse_table(text) == ()


def test_the_list():
    text = (
        "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-1)\n  MIG 3g.20gb     Device  0: (UUID: MIG-1)\n"
        "  MIG 1g.5gb      Device  1: (UUID: MIG-2)\nGPU 1: Tesla T4 (UUID: GPU-2)\nGPU 2: Orin (nvgpu)\n"
    )
    first, second, third = parse_list(text)
    assert (first.name, first.mig, first.slices) == ("NVIDIA A100-SXM4-40GB", True, (Slice(), Slice()))
    assert (second.name, second.mig, third.name) == ("Tesla T4", None, "Orin (nvgpu)")
    assert parse_list("GPU 0\nGPU x: y\n") == ()


def test_a_jetson_without_a_drivers_version():
    text = """\
| NVIDIA-SMI 540.3.0                Driver Version: N/A          CUDA Version: 12.2     |
|   0  Orin (nvgpu)                  N/A  | N/A              N/A |                  N/A |
| N/A   N/A  N/A               N/A /  N/A | Not Supported        |     N/A          N/A |
"""
    (card,) = parse_table(text)
    assert (card.name, card.driver, card.memory_bytes, card.memory_absent) == ("Orin (nvgpu)", None, None, True)


def test_a_list_that_was_cut_within_a_name_lacks_that_card():
    listed = "GPU 0: NVIDIA L4 (UUID: GPU-1)\nGPU 1: NVIDIA L4"
    assert [card.name for card in parse_list(listed)] == ["NVIDIA L4"]
    assert len(parse_list(listed + " (UUID: GP")) == len(parse_list(listed + "\n")) == 2
