import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.vulkan import parse_vulkaninfo, probe_vulkan
from labkit.hardware.source import CommandOutput

GIB = 1024**3


def summary(*devices):
    head = "==========\nVULKANINFO\n==========\n\nVulkan Instance Version: 1.3.275\n\nDevices:\n========\n"
    return head + "".join(f"GPU{index}:\n{body}" for index, body in enumerate(devices))


def device(name, kind, vendor="0x1002", number="0x744c", driver="DRIVER_ID_MESA_RADV"):
    return (
        f"\tapiVersion         = 1.3.274\n\tvendorID           = {vendor}\n\tdeviceID           = {number}\n"
        f"\tdeviceType         = PHYSICAL_DEVICE_TYPE_{kind}\n\tdeviceName         = {name}\n"
        f"\tdriverID           = {driver}\n\tdriverInfo         = Mesa 24.0.3\n"
    )


XTX = device("AMD Radeon RX 7900 XTX (RADV NAVI31)", "DISCRETE_GPU")
LLVMPIPE = device("llvmpipe (LLVM 17.0.6, 256 bits)", "CPU", "0x10005", "0x0000", "DRIVER_ID_MESA_LLVMPIPE")
FULL = """\
Device Properties and Extensions:
=================================
GPU0:
VkPhysicalDeviceProperties:
---------------------------
	apiVersion        = 1.3.277 (4206869)
	vendorID          = 0x10de
	deviceID          = 0x2684
	deviceType        = PHYSICAL_DEVICE_TYPE_DISCRETE_GPU
	deviceName        = NVIDIA GeForce RTX 4090

VkPhysicalDeviceMemoryProperties:
=================================
memoryHeaps: count = 3
	memoryHeaps[0]:
		size   = 25757220864 (0x5ff400000) (23.99 GiB)
		budget = 24696061952 (0x5c0000000) (23.00 GiB)
		usage  = 0 (0x00000000) (0.00 B)
		flags: count = 1
			MEMORY_HEAP_DEVICE_LOCAL_BIT
	memoryHeaps[1]:
		size   = 50446176256 (0xbbed1b000) (46.98 GiB)
		flags:
			None
	memoryHeaps[2]:
		size   = 257949696 (0x0f600000) (246.00 MiB)
		flags: count = 1
			MEMORY_HEAP_DEVICE_LOCAL_BIT
memoryTypes: count = 6
	memoryTypes[0]:
		heapIndex     = 1
		propertyFlags = 0x0001: count = 1
			MEMORY_PROPERTY_DEVICE_LOCAL_BIT
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (summary(XTX), [("amd", "AMD Radeon RX 7900 XTX", False)]),
        (summary(XTX, LLVMPIPE), [("amd", "AMD Radeon RX 7900 XTX", False)]),
        (summary(LLVMPIPE), []),
        (summary(XTX, XTX), [("amd", "AMD Radeon RX 7900 XTX", False)] * 2),
        (summary(XTX, device("AMD Radeon RX 7900 XTX", "DISCRETE_GPU", driver="DRIVER_ID_AMD_OPEN_SOURCE")),
         [("amd", "AMD Radeon RX 7900 XTX", False)]),
        (summary(device("Intel(R) Graphics (ARL)", "INTEGRATED_GPU", "0x8086", "0x7d67"), LLVMPIPE),
         [("intel", "Intel(R) Graphics (ARL)", True)]),
        (summary(device("Microsoft Direct3D12 (NVIDIA GeForce RTX 3060)", "DISCRETE_GPU", "0x10de")),
         [("nvidia", "NVIDIA GeForce RTX 3060", False)]),
        (summary(device("NVIDIA GeForce RTX 3060 (NVK GA106)", "DISCRETE_GPU", "0x10de")),
         [("nvidia", "NVIDIA GeForce RTX 3060", False)]),
        (summary(device("SwiftShader Device (LLVM 10.0.0)", "CPU", "0x1ae0")), []),
        (summary(device("SwiftShader Device", "INTEGRATED_GPU", "0x8086")), []),
        (summary(device("V3D 7.1.7", "INTEGRATED_GPU", "0x14e4", "0x55701c33")), []),
        (summary(device("Adreno (TM) 740", "INTEGRATED_GPU", "0x5143", "0x43050a01")),
         [("qualcomm", "Adreno (TM) 740", True)]),
    ],
)  # fmt: skip
def test_cards_of_the_summary(text, expected):
    assert [(gpu.vendor, gpu.name, gpu.unified) for gpu in parse_vulkaninfo(text)] == expected


def test_the_memory_of_a_card_is_its_largest_own_heap():
    (gpu,) = parse_vulkaninfo(FULL)
    assert (gpu.name, gpu.memory_bytes) == ("NVIDIA GeForce RTX 4090", 25757220864)
    (old,) = parse_vulkaninfo(FULL.replace("GPU0:", "GPU0").replace("MEMORY_HEAP_DEVICE", "VK_MEMORY_HEAP_DEVICE"))
    assert old.memory_bytes == 25757220864


def test_the_heaps_of_an_integrated_part_are_the_systems():
    (gpu,) = parse_vulkaninfo(FULL.replace("DISCRETE", "INTEGRATED"))
    assert (gpu.unified, gpu.memory_bytes) == (True, None)


def test_a_text_cut_anywhere_gives_no_wrong_size():
    for text in (FULL, summary(XTX, LLVMPIPE)):
        for end in range(len(text)):
            for gpu in parse_vulkaninfo(text[:end]):
                assert gpu.memory_bytes in (None, 25757220864)
                assert gpu.vendor in ("nvidia", "amd")


@pytest.mark.parametrize(
    "text",
    [
        "", "GPU0:\n", "ERROR: [Loader Message] Code 0 : vkCreateInstance: Found no drivers!\n",
        "Cannot create Vulkan instance.\n", "GPU0:\n\tdeviceType = 7\n", "GPU0:\n\tdeviceName = x\n",
    ],
)  # fmt: skip
def test_no_card_is_made_of_anything_else(text):
    assert parse_vulkaninfo(text) == ()


def test_every_fact_names_its_source():
    source = FakeSource(commands={"vulkaninfo --summary": CommandOutput(0, summary(XTX))})
    finding = probe_vulkan(source)
    assert finding.value[0].vendor == "amd"
    assert {fact.source for fact in finding.sources.values()} == {"vulkaninfo"}
    assert probe_vulkan(FakeSource()).value == ()


def test_the_weak_part_of_an_amd_processor_is_left_out_and_a_strong_one_is_not():
    weak = device("AMD Ryzen 7 7800X3D 8-Core Processor (RADV RAPHAEL_MENDOCINO)", "INTEGRATED_GPU", number="0x164e")
    strong = device("AMD Radeon 780M Graphics (RADV PHOENIX)", "INTEGRATED_GPU", number="0x15bf")
    text = f"GPU0:\n{weak}GPU1:\n{strong}"
    assert [(gpu.name, gpu.architecture) for gpu in parse_vulkaninfo(text)] == [("AMD Radeon 780M Graphics", "gfx1103")]
