import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.board import board_name, soldered_bandwidth

DMI = "/sys/class/dmi/id"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"/proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"}, "Raspberry Pi 5 Model B Rev 1.0"),
        (
            {"/proc/cpuinfo": "processor\t: 0\n\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n"},
            "Raspberry Pi 5 Model B Rev 1.0",
        ),
        ({f"{DMI}/sys_vendor": "Dell Inc.\n", f"{DMI}/product_name": "XPS 15 9520\n"}, "Dell Inc. XPS 15 9520"),
        ({f"{DMI}/sys_vendor": "NVIDIA\n", f"{DMI}/product_name": "NVIDIA_DGX_Spark\n"}, "NVIDIA_DGX_Spark"),
        ({f"{DMI}/sys_vendor": "To Be Filled By O.E.M.\n", f"{DMI}/product_name": "Default string\n"}, None),
        ({"/proc/cpuinfo": "processor\t: 0\ncpu\t: POWER9\n\nmachine\t\t: CHRP IBM,9008-22L\n"}, "CHRP IBM,9008-22L"),
        ({"/proc/cpuinfo": "processor\t: 0\nmodel\t\t: 17\n"}, None),
        ({}, None),
    ],
)
def test_board_names(files, name):
    assert board_name(FakeSource(files=files)) == name


@pytest.mark.parametrize(
    ("model", "gb_per_second"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", 17.1),
        ("Raspberry Pi Compute Module 5 Rev 1.0", 17.1),
        ("Raspberry Pi 4 Model B Rev 1.5", 12.8),
        ("Raspberry Pi 3 Model B", None),
        ("Orange Pi 5", None),
    ],
)
def test_boards_that_come_with_one_kind_of_memory(model, gb_per_second):
    found = soldered_bandwidth(FakeSource(files={"/proc/device-tree/model": model}))
    if gb_per_second is None:
        assert found is None
    else:
        assert found is not None
        assert found[0] == pytest.approx(gb_per_second * 1e9, rel=0.01)
        assert found[1].origin == "table"
