import pytest

from labkit.hardware.probes.intel_parts import is_integrated, product_name


@pytest.mark.parametrize(
    ("name", "device_id", "slot", "integrated"),
    [
        ("Intel(R) Arc(TM) Graphics", None, None, True),
        ("Intel(R) Arc(TM) 140V GPU (16GB)", None, None, True),
        ("Intel(R) UHD Graphics 770", None, None, True),
        ("Intel(R) Iris(R) Xe Graphics", None, None, True),
        ("Intel(R) Iris(R) Xe MAX Graphics", None, None, False),
        ("Intel(R) Arc(TM) A770 Graphics", None, None, False),
        ("Intel(R) Arc(TM) Pro B60 Graphics", None, None, False),
        ("Intel(R) Data Center GPU Flex 170", None, None, False),
        ("Alder Lake-P GT2 [Iris Xe Graphics]", 0x46A6, "0000:00:02.0", True),
        ("Device", None, "0000:00:02.0", True),
        ("DG2 [Arc A380]", None, "0000:00:02.0", True),
        ("DG2 [Arc A380]", 0x56A5, "0000:00:02.0", False),
        ("Device", 0xE299, "0000:03:00.0", False),
        (None, None, None, None),
    ],
)
def test_what_tells_integrated_parts_from_cards(name, device_id, slot, integrated):
    assert is_integrated(name, device_id, slot) is integrated


@pytest.mark.parametrize(
    ("described", "device_id", "name"),
    [
        ("DG2", 0x56A1, "Intel Arc A750"),
        ("DG2 [Arc A770]", None, "Intel Arc A770"),
        ("Meteor Lake-P [Intel Arc Graphics]", 0x7D55, "Intel Arc Graphics"),
        ("Lunar Lake [Intel Arc Graphics 130V / 140V]", 0x64A0, "Intel Lunar Lake [Intel Arc Graphics 130V / 140V]"),
        ("Raptor Lake-S UHD Graphics", None, "Intel Raptor Lake-S UHD Graphics"),
        (None, None, None),
    ],
)
def test_the_name_on_the_box(described, device_id, name):
    assert product_name(described, device_id) == name
