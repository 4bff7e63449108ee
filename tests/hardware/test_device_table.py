import json

import pytest

from labkit.errors import InputError
from labkit.hardware import device_table
from labkit.hardware.device_table import DeviceFacts, find_device, load_device_table, read_devices, shipped_devices

GIB = 1024**3
MIB = 1024**2
DEVICES = shipped_devices().devices


def bandwidth(name, **facts):
    found = find_device(name, **facts)
    return found and found.bandwidth_gb_per_second


def test_the_shipped_table_passes_the_strict_reader():
    read = read_devices(device_table._SHIPPED)
    assert read.devices == DEVICES
    assert len(DEVICES) >= 168


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
def test_every_row_finds_itself(device):
    assert find_device(device.name, vendor=device.vendor) == device
    assert find_device(device.name.upper()) == device


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
def test_every_row_names_its_sources(device):
    assert device.sources
    assert set(device.sources) <= set(shipped_devices().sources)
    assert (device.bandwidth_gb_per_second is None) == (device.bandwidth_tables is None)


@pytest.mark.parametrize("device", [row for row in DEVICES if row.memory_gib and not row.unified], ids=lambda d: d.name)
def test_every_row_is_found_with_each_of_its_sizes_and_with_no_other(device):
    for size in device.memory_gib:
        found = find_device(device.name, memory_bytes=int(size * 0.94 * GIB))
        assert found == device
    assert find_device(device.name, memory_bytes=max(device.memory_gib) * 2 * GIB) is None


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA T400", "NVIDIA T400 4GB", "Tesla T40", "GRID T4-8Q", "NVIDIA A40-48Q", "NVIDIA A10M", "NVIDIA L40G",
        "NVIDIA RTX 4000 SFF Ada Generation", "NVIDIA RTX 4000 Ada Generation Laptop GPU", "Quadro RTX 4000",
        "NVIDIA RTX A4000 Laptop GPU", "NVIDIA GeForce RTX 4090 D", "NVIDIA GeForce RTX 4080 SUPER Laptop GPU",
        "GeForce RTX 2080 with Max-Q Design", "GeForce RTX 2080 Super with Max-Q Design", "GeForce GTX 1650 Ti",
        "NVIDIA GeForce GTX 1650 SUPER", "NVIDIA GeForce GTX 1660 SUPER", "NVIDIA GeForce RTX 5090 Laptop GPU",
        "NVIDIA GeForce RTX 4070 Ti SUPER Founders", "GA106M [GeForce RTX 3060 Mobile / Max-Q]",
        "NVIDIA H100 80GB HBM2e", "NVIDIA H800 80GB HBM3", "NVIDIA H200 NVL", "NVIDIA GH200 144G HBM3e",
        "NVIDIA A100-SXM-64GB", "NVIDIA A100X", "NVIDIA A100-SXM4-80GB MIG 1g.10gb",
        "Tesla P100-PCIE-12GB", "Tesla V100S-PCIE-32GB", "NVIDIA RTX PRO 6000 Blackwell Server Edition",
        "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "NVIDIA Graphics Device", "Graphics Device",
        "NVIDIA GeForce RTX 3060 ...", "AMD Radeon Graphics", "AMD Radeon RX 7900M", "AMD Radeon RX 7600M XT",
        "AMD Radeon RX 6800S", "Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]", "AMD Instinct MI250X / MI250",
        "Radeon 580X", "AMD Ryzen AI Max 385 w/ Radeon 8050S", "AMD Ryzen 7 7840U w/ Radeon 780M Graphics",
        "Intel(R) Arc(TM) Graphics", "Intel(R) Arc(TM) A770M Graphics", "Intel(R) Arc(TM) Pro A50 Graphics",
        "Intel(R) UHD Graphics 770", "Intel(R) Iris(R) Xe Graphics", "Intel(R) Core(TM) m3-7Y30", "Intel Core M3",
        "Tesla M4", "Quadro M2", "Apple M3 Ultra Max", "Apple M6", "Apple M4 Ultra", "Apple M1 (Virtual)",
        "Apple Paravirtual device", "AMD T4", "Radeon RTX 4090", "llvmpipe (LLVM 17.0.6, 256 bits)", "4090",
        "", " ", "\0", "NVIDIA", "GPU", "[", "[]", "()", "80GB", "🂡",
    ],
)  # fmt: skip
def test_a_neighbours_facts_are_not_its_own(name):
    found = find_device(name)
    assert found is None or (found.bandwidth_gb_per_second, found.fp16_tflops) == (None, None)


def test_a_part_without_rates_keeps_its_generation():
    found = find_device("NVIDIA RTX 4000 SFF Ada Generation")
    assert found is not None
    assert (found.compute_capability, found.bandwidth_gb_per_second) == ("8.9", None)


@pytest.mark.parametrize(
    ("name", "mebibytes", "expected"),
    [
        ("NVIDIA A100-SXM4-80GB", 81920, 2039),
        ("A100-SXM-80GB", 81251, 2039),
        ("NVIDIA A100 80GB PCIe", 81920, 1935),
        ("NVIDIA A100-PCIE-40GB", 40960, 1555),
        ("A100-SXM4-40GB", 40537, 1555),
        ("NVIDIA H100 80GB HBM3", 81559, 3350),
        ("NVIDIA H100 PCIe", 81559, 2000),
        ("NVIDIA H100 NVL", 95830, 3900),
        ("NVIDIA H200", 143771, 4800),
        ("NVIDIA B200", 183359, 7672),
        ("NVIDIA GH200 480GB", 97871, 4000),
        ("Tesla T4", 15360, 320),
        ("NVIDIA L40S", 46068, 864),
        ("NVIDIA L4", 23034, 300),
        ("NVIDIA A10G", 23028, 600),
        ("Tesla V100-SXM2-16GB", 16160, 900),
        ("Tesla V100-PCIE-32GB", 32510, 900),
        ("Tesla P100-PCIE-16GB", 16280, 732),
        ("Tesla P40", 22919, 346),
        ("NVIDIA GeForce RTX 3080", 10240, 760.3),
        ("NVIDIA GeForce RTX 3060", 12288, 360),
        ("NVIDIA GeForce RTX 3050", 6144, 168),
        ("NVIDIA GeForce RTX 3050", 8192, 224),
        ("NVIDIA GeForce RTX 4060 Ti", 16380, 288),
        ("NVIDIA GeForce RTX 3060 Laptop GPU", 6144, 336),
        ("NVIDIA RTX 6000 Ada Generation", 49140, 960),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 97887, 1792),
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", 24560, 960),
        ("AMD Instinct MI300X", 196592, 5300),
        ("Intel(R) Arc(TM) A770 Graphics", 15473, 560),
    ],
)
def test_names_and_sizes_as_drivers_print_them(name, mebibytes, expected):
    assert bandwidth(name, memory_bytes=mebibytes * MIB) == expected


@pytest.mark.parametrize(
    ("name", "mebibytes"),
    [
        ("NVIDIA GeForce RTX 3080", 12288),
        ("NVIDIA GeForce RTX 3060", 8192),
        ("NVIDIA GH200 480GB", 147456),
        ("Intel(R) Arc(TM) A770 Graphics", 8192),
        ("AMD Instinct MI250X", 65520),
    ],
)
def test_another_board_of_the_same_name_is_not_the_one_in_the_table(name, mebibytes):
    assert find_device(name, memory_bytes=mebibytes * MIB) is None


@pytest.mark.parametrize(
    ("name", "mebibytes", "expected"),
    [
        ("NVIDIA GeForce RTX 3060 ...", 6144, "NVIDIA GeForce RTX 3060 Laptop"),
        ("NVIDIA GeForce RTX 4090 ...", 16376, "NVIDIA GeForce RTX 4090 Laptop"),
        ("NVIDIA A100-SXM...", 81920, "NVIDIA A100 80GB SXM"),
        ("Tesla V100-SXM2...", 16160, "NVIDIA Tesla V100"),
        ("Quadro RTX 800...", 48601, None),  # shorter than what a column of that width would show
        ("GeForce RTX 208...", 11019, "NVIDIA GeForce RTX 2080 Ti"),
        ("GeForce RTX 208...", 7982, None),  # 2080 SUPER, or one that no table knows
        ("NVIDIA GeForce RTX 3060 ...", 12288, None),
        ("NVIDIA GeForce RTX 3060 ...", None, None),
        ("NVIDIA GeForce ...", 8192, None),
        ("...", 8192, None),
        ("NVIDIA GeForce RTX 2080 ...", 8192, None),  # SUPER, or with Max-Q
        ("NVIDIA GeForce RTX 3070 ...", 8192, None),  # Laptop, or Ti Laptop
    ],
)
def test_a_cut_name_is_completed_only_when_one_part_is_left(name, mebibytes, expected):
    found = find_device(name, memory_bytes=mebibytes and mebibytes * MIB)
    assert (found and found.name) == expected


def test_what_all_parts_of_a_name_share_is_known():
    found = find_device("NVIDIA H100")
    assert found is not None
    assert (found.compute_capability, found.bandwidth_gb_per_second) == ("9.0", None)
    assert "SXM" in found.name
    assert "NVL" in found.name
    narrowed = find_device("NVIDIA H100", memory_bytes=81559 * MIB)
    assert narrowed is not None
    assert (narrowed.memory_gib, narrowed.bandwidth_gb_per_second) == ((80,), None)
    assert bandwidth("NVIDIA H100", memory_bytes=95830 * MIB) == 3900


def test_without_a_size_a_name_with_several_boards_has_no_rates():
    found = find_device("NVIDIA GeForce RTX 3080")
    assert found is not None
    assert (found.compute_capability, found.bandwidth_gb_per_second, found.fp16_tflops) == ("8.6", None, None)


def test_the_memory_clock_tells_two_boards_apart():
    table = shipped_devices()
    found = {clock: table.find("NVIDIA GeForce GTX 1650", memory_clock_mhz=clock) for clock in (None, 4001, 6001, 9999)}
    assert found[None]
    assert found[None].bandwidth_gb_per_second is None
    assert found[4001]
    assert found[4001].bandwidth_gb_per_second == 128
    assert found[6001]
    assert found[6001].bandwidth_gb_per_second == 192
    assert found[9999] is None


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, None),
        ({"num_cores": 30}, 300),
        ({"num_cores": 40}, 400),
        ({"num_cores": 38}, None),
        ({"memory_bytes": 36 * GIB}, 300),
        ({"memory_bytes": 128 * GIB}, 400),
        ({"memory_bytes": 8 * GIB}, None),
        ({"memory_bytes": 128 * GIB, "num_cores": 30}, None),
    ],
)
def test_apples_bins_are_told_apart_by_cores_or_memory(facts, expected):
    assert bandwidth("Apple M3 Max", **facts) == expected


def test_a_unified_part_with_less_memory_than_sold_is_still_that_part():
    assert bandwidth("NVIDIA GB10", memory_bytes=127600748 * 1024) == 273
    assert bandwidth("Radeon 8060S Graphics", memory_bytes=31 * GIB) == 256
    assert bandwidth("Apple M1", memory_bytes=4 * GIB) == 68


def test_a_chips_name_without_its_board_is_known_as_far_as_the_boards_agree():
    found = find_device("Orin (nvgpu)")
    assert found is not None
    assert (found.compute_capability, found.memory_gib) == ("8.7", ())
    found = find_device("NVIDIA Jetson AGX Orin Developer Kit", memory_bytes=30 * GIB)
    assert found is not None
    assert found.name == "NVIDIA Jetson AGX Orin 32GB"


def test_the_bandwidth_of_an_integrated_part_with_fitted_memory_is_unknown():
    found = find_device("AMD Radeon 780M Graphics")
    assert found is not None
    assert (found.bandwidth_gb_per_second, found.architecture) == (None, "gfx1103")


def test_the_vendor_must_agree():
    assert find_device("T4", vendor="nvidia")
    assert find_device("T4", vendor="amd") is None


def test_units():
    device = DeviceFacts("x", bandwidth_gb_per_second=1008, fp16_tflops=2, fp16_tensor_tflops=4)
    assert device.peak_bandwidth_bytes_per_second == 1.008e12
    assert (device.peak_fp16_flops, device.peak_fp16_tensor_flops) == (2e12, 4e12)
    assert DeviceFacts("x").peak_fp16_flops is None


def test_a_file_of_the_users_adds_rows_and_replaces_some(tmp_path):
    rows = [
        {"name": "NVIDIA T400", "vendor": "nvidia", "bandwidth_gb_per_second": 80, "sources": ["me"]},
        {"name": "NVIDIA L4", "vendor": "nvidia", "bandwidth_gb_per_second": 299},
    ]
    (tmp_path / "mine.json").write_text(json.dumps({"sources": {"me": "measured"}, "devices": rows}))
    table = load_device_table(tmp_path)
    added, replaced = table.find("NVIDIA T400"), table.find("NVIDIA L4")
    assert added
    assert added.bandwidth_gb_per_second == 80
    assert replaced
    assert replaced.bandwidth_gb_per_second == 299
    assert table.sources["me"] == "measured"
    assert len(table.devices) == len(DEVICES) + 1
    assert load_device_table(tmp_path / "missing") is shipped_devices()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "Invalid JSON"),
        ("[]", "object"),
        ('{"devices": [{"name": "x", "speed": 1}], "sources": {}}', "devices.0.speed"),
        ('{"devices": [{"vendor": "x"}], "sources": {}}', "devices.0.name"),
        ('{"devices": [{"name": "x", "memory_gib": "8"}], "sources": {}, "more": 1}', "more"),
    ],
)
def test_a_wrong_file_of_the_users_is_explained(tmp_path, text, says):
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as raised:
        load_device_table(tmp_path)
    assert str(path) in raised.value.message
    assert raised.value.hint
