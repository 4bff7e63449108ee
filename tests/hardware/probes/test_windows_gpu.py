import pytest

from fakes.captured_text import captured
from labkit.hardware.probes.windows_gpu import (
    Adapter,
    join_adapters,
    parse_dxdiag,
    parse_registry_adapters,
    parse_video_controllers,
    to_gpu,
)

GIB, MIB = 1024**3, 1024**2
KEY = r"HKEY_LOCAL_MACHINE\SYSTEM\X\{4d36e968}"


def test_a_full_32_bit_size_is_no_size():
    sizes = {a.name: a.memory_bytes for a in parse_video_controllers(captured("win32-video-controller.json"))}
    assert sizes["NVIDIA GeForce RTX 4090"] is None
    assert sizes["AMD Radeon(TM) Graphics"] == 512 * MIB


def test_rows_with_bars_and_what_is_no_row():
    text = "NVIDIA GeForce RTX 3050|4293918720\n\nNVIDIA GTX 1650|4179623936\nBroken|many\nNo bar\n|1073741824\n"
    assert [(a.name, a.memory_bytes) for a in parse_video_controllers(text)] == [
        ("NVIDIA GeForce RTX 3050", None), ("NVIDIA GTX 1650", 4179623936)
    ]  # fmt: skip


def test_the_registry_has_64_bits():
    text = (
        f"{KEY}\\0000\n    DriverDesc    REG_SZ    AMD Radeon PRO V710\n"
        "    HardwareInformation.qwMemorySize    REG_QWORD    0x700000000\n\n"
        f"{KEY}\\0000\\Settings\n    DriverDesc    REG_SZ    not an adapter\n\n"
        f"{KEY}\\0001\n    DriverDesc    REG_SZ    Virtual Screen\n\n"
        f"{KEY}\\0002\n    HardwareInformation.qwMemorySize    REG_QWORD    0x40000000\n"
    )
    assert [(a.name, a.memory_bytes) for a in parse_registry_adapters(text)] == [
        ("AMD Radeon PRO V710", 0x700000000), ("Virtual Screen", None)
    ]  # fmt: skip
    assert [(a.name, a.memory_bytes) for a in parse_registry_adapters("AMD Radeon PRO V710|30064771072\nZero|0\n")] == [
        ("AMD Radeon PRO V710", 30064771072)
    ]  # fmt: skip


def test_dxdiag_has_the_cards_own_memory_beside_the_shared():
    (adapter,) = parse_dxdiag(captured("dxdiag.txt"))
    assert (adapter.name, adapter.memory_bytes) == ("AMD Radeon RX 7900 XTX", 24489 * MIB)
    assert (adapter.vendor_id, adapter.device_id, adapter.driver) == (0x1002, 0x744C, "32.00.11037.4004")


def test_a_card_on_two_screens_is_one():
    assert len(parse_dxdiag(captured("dxdiag.txt") * 2)) == 1


def test_sources_are_joined_by_name_and_equal_cards_stay_two():
    registry = [Adapter("NVIDIA RTX A4000", 16 * GIB), Adapter("NVIDIA RTX A4000", 16 * GIB)]
    wmi = [Adapter("NVIDIA  RTX a4000", driver="32"), Adapter("NVIDIA RTX A4000"), Adapter("Intel(R) UHD Graphics 770")]
    joined = join_adapters(registry, wmi)
    assert [(a.memory_bytes, a.driver) for a in joined] == [(16 * GIB, "32"), (16 * GIB, None), (None, None)]


@pytest.mark.parametrize(
    ("adapter", "vendor", "unified", "memory", "carve_out"),
    [
        (Adapter("AMD Radeon 780M Graphics", 2 * GIB), "amd", True, None, 2 * GIB),
        (Adapter("AMD Radeon RX 7800 XT", 16 * GIB), "amd", False, 16 * GIB, None),
        (Adapter("Intel(R) Arc(TM) A770 Graphics", 16 * GIB), "intel", False, 16 * GIB, None),
        (Adapter("Intel(R) Arc(TM) 140V GPU (16GB)", 128 * MIB), "intel", True, None, None),
        (Adapter("NVIDIA GeForce RTX 4070", 12 * GIB), "nvidia", False, 12 * GIB, None),
        (Adapter("Qualcomm(R) Adreno(TM) X1-85 GPU", None), "qualcomm", True, None, None),
    ],
)
def test_adapters_as_gpus(adapter, vendor, unified, memory, carve_out):
    gpu = to_gpu(adapter)
    assert gpu is not None
    assert (gpu.vendor, gpu.unified, gpu.memory_bytes, gpu.carve_out_bytes) == (vendor, unified, memory, carve_out)


@pytest.mark.parametrize(
    "adapter",
    [
        Adapter("Microsoft Basic Render Driver"), Adapter("Microsoft Remote Display Adapter"),
        Adapter("Parsec Virtual Display Adapter", 1 * GIB), Adapter("Some Screen"), Adapter("VMware SVGA 3D", GIB),
        Adapter("AMD Radeon(TM) Graphics", 512 * MIB), Adapter("AMD Radeon(TM) Vega 8 Graphics", 2 * GIB),
    ],
)  # fmt: skip
def test_virtual_and_weak_adapters_are_no_gpus(adapter):
    assert to_gpu(adapter) is None
