import pytest

from labkit.hardware.device_name import parse_device_name


def words(name):
    return sorted(parse_device_name(name).words)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NVIDIA GeForce RTX 4090", ["4090", "rtx"]),
        ("NVIDIA A100-SXM4-80GB", ["a100", "sxm"]),
        ("Intel(R) Arc(TM) A770 Graphics", ["a770", "arc"]),
        ("Intel® Arc™ B580 Graphics", ["arc", "b580"]),
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", ["7900", "rx", "xtx"]),
        ("Intel(R) Arc(tm) A770 Graphics (DG2)", ["a770", "arc"]),
        ("AD102 [GeForce RTX 4090]", ["4090", "rtx"]),
        ("NVIDIA GeForce RTX 3060 Laptop GPU", ["3060", "laptop", "rtx"]),
        ("GA106M [GeForce RTX 3060 Mobile]", ["3060", "laptop", "rtx"]),
        ("NVIDIA GeForce RTX 3080/PCIe/SSE2", ["3080", "rtx"]),
        ("kHW_AppleM1Item", ["m1"]),
        ("kHW_AppleM1ProItem", ["m1", "pro"]),
        ("", []),
    ],
)
def test_what_is_left_of_a_name(name, expected):
    assert words(name) == expected


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("NVIDIA A100-SXM4-80GB", (80,)),
        ("NVIDIA H100 80 GB HBM3", (80,)),
        ("NVIDIA GH200 144G HBM3e", (144,)),
        ("RTX 3060 12GiB", (12,)),
        ("RTX 4090", ()),
    ],
)
def test_sizes_are_kept_apart(name, sizes):
    assert parse_device_name(name).sizes_gib == sizes


def test_gpu_cores_in_the_name():
    assert parse_device_name("Apple M3 Max (40-core GPU)").num_cores == 40
    assert words("Apple M3 Max (40-core GPU)") == words("Apple M3 Max")


@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        ("Tesla T4", "nvidia"), ("Quadro RTX 8000", "nvidia"), ("Radeon RX 580", "amd"), ("Intel Arc A750", "intel"),
        ("Apple M4", "apple"), ("M4", None), ("AMD or NVIDIA", None),
    ],
)  # fmt: skip
def test_the_vendor_that_a_name_tells(name, vendor):
    assert parse_device_name(name).vendor == vendor
